"""A server that signs each token in as an account whose id is the token."""

import json
from http.server import BaseHTTPRequestHandler


class Echo(BaseHTTPRequestHandler):
    """Answers every POST as a sign-in."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Sign in."""
        token = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["token"]
        record = {"id": token, "collectionId": "c1", "collectionName": "users"}
        body = json.dumps({"token": "a.b.c", "record": record}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Stay quiet."""
