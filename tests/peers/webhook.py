"""A receiver of signed webhooks: `python webhook.py SECRET [STATUS...] [CERTIFICATE KEY]`.

Over TLS with the latter.

Takes a free port, prints it as its first line, and then each request as a JSON line: its headers, its body, and
what the library *standardwebhooks* finds in it with SECRET, or why it refuses it. Answers with each STATUS in
turn, then with 200.
"""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

STATUSES = [int(status) for status in sys.argv[2:] if status.isdigit()]
FILES = [name for name in sys.argv[2:] if not name.isdigit()]


class Receiver(BaseHTTPRequestHandler):
    """One request."""

    def do_POST(self) -> None:
        """Verifies, says so, answers."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        said = {"headers": headers, "body": body.decode()}
        try:
            said["verified"] = Webhook(sys.argv[1]).verify(body, headers)
        except WebhookVerificationError as error:
            said["refused"] = str(error)
        print(json.dumps(said), flush=True)
        self.send_response(STATUSES.pop(0) if STATUSES else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_) -> None:
        """Nothing."""


def main() -> None:
    """The command."""
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    if FILES:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*FILES)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
