"""A server that answers as it is told, and a proxy that counts and cuts: for what goes wrong."""

import hashlib
import json
import socket
import sys
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def receipt(body, **more):
    """Return what a good server answers to lines."""
    lines = zstd.decompress(body)
    count = lines.count(b"\n")
    return {
        "error": None,
        "receipt": hashlib.sha256(lines).hexdigest(),
        "machine": "m",
        "lines": count,
        "samples": 1,
        "duplicates": 0,
        "conflicts": 0,
        "rejected": [],
        **more,
    }


@contextmanager
def scripted(answer, *, is_endless=False):
    """Serve `answer(method, path, body) -> (status, JSON, headers)`; yield its address.

    An endless one promises a byte more of every answer in bytes than it sends.
    """
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, found, headers = answer(self.command, self.path, body)
            text = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            is_held = is_endless and isinstance(found, bytes)
            self.send_header("Content-Length", str(len(text) + is_held))
            self.end_headers()
            self.wfile.write(text)
            if is_held:
                self.wfile.flush()
                ended.wait(20)

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - as http.server calls them

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            ended.set()
            server.shutdown()
            thread.join()


class Proxy:
    """Passes connections on, one at a time, counts what is sent, and cuts after so many bytes."""

    def __init__(self, port):
        self.port = port
        self.sent = 0
        self.most = float("inf")
        self.cuts = float("inf")
        """Connections it cuts at the most; the next ones pass."""
        self.full = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self.port)) as server:
                back = threading.Thread(target=self.pipe, args=(server, client))
                back.start()
                while data := self.received(client):
                    self.sent += len(data)
                    if self.sent > self.most and self.cuts:
                        self.cuts -= 1
                        self.full.set()
                        break
                    server.sendall(data)
                for one in (client, server):
                    with suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)
                back.join()

    def pipe(self, source, target):
        while data := self.received(source):
            with suppress(OSError):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def received(self, source):
        try:
            return source.recv(4096)
        except OSError:
            return b""

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
