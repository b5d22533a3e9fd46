"""A server of a few lines that takes uploads: statuses and delays are what a test says."""

import gzip
import hashlib
import json
import ssl
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Taker(ThreadingHTTPServer):
    """Keeps lines by run and position; `statuses` are used up before anything is taken."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lines: dict[tuple[str, int], bytes] = {}
        self.requests: list[dict[str, str]] = []
        self.statuses: list[tuple[int, dict[str, str]]] = []
        self.arrived = threading.Condition()
        scheme = "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address) -> None:
        pass  # a client that was killed, or that does not trust us

    def take(self, run: str, position: int, text: bytes) -> dict[str, object]:
        lines = text.splitlines(keepends=True)
        known = 0
        with self.arrived:
            for number, line in enumerate(lines, start=position):
                known += self.lines.setdefault((run, number), line) == line and False
                self.lines[run, number] = line
            self.arrived.notify_all()
        return {
            "error": None,
            "receipt": hashlib.sha256(text).hexdigest(),
            "machine": "00000000-0000-0000-0000-000000000001",
            "lines": len(lines),
            "samples": 1,
            "duplicates": known,
            "conflicts": 0,
            "rejected": [],
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Taker

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        taker = self.server
        taker.requests.append(dict(self.headers.items()))
        headers: dict[str, str] = {}
        if taker.statuses:
            status, headers = taker.statuses.pop(0)
            content: dict[str, object] = {"error": f"as the test says: {status}"}
        else:
            status = 200
            run, position = self.headers["Perfkit-Run"], int(self.headers["Perfkit-Position"])
            content = taker.take(run, position, gzip.decompress(body))
        text = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@contextmanager
def taking(context: ssl.SSLContext | None = None):
    taker = Taker(context)
    thread = threading.Thread(target=taker.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield taker
    finally:
        taker.shutdown()
        thread.join(20)
        taker.server_close()


def certificates(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make an authority and a server's certificate for 127.0.0.1; return them for use."""
    folder.mkdir()

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    # As Python 3.13 wants them: what RFC 5280 asks of an authority and of what it signs.
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-subj", "/CN=test CA")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", *usage)
    openssl("req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=test")
    names = "subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n"
    (folder / "names").write_text(names)
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    openssl("x509", "-req", "-in", "server.csr", "-out", "server.pem", *signing)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context, folder / "ca.pem"
