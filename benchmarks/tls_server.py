"""A server over TLS that takes uploads and keeps nothing.  Prints its port, then bytes of bodies.

    python tls_server.py CERTIFICATE KEY

It answers with the receipt that the collector expects; each line on stdout is samples and bytes.
"""

import gzip
import hashlib
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Taker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a body and answer its receipt."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        text = gzip.decompress(body)
        samples = text.count(b'"/proc/stat"')
        answer = {
            "error": None,
            "receipt": hashlib.sha256(text).hexdigest(),
            "machine": None,
            "lines": text.count(b"\n"),
            "samples": samples,
            "duplicates": 0,
            "conflicts": 0,
            "rejected": [],
        }
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        print(samples, len(body), flush=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


def main(certificate: str, key: str) -> None:
    """Serve until ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Taker)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
