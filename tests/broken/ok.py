# /// script
# requires-python = ">=3.11"
# ///
"""Nothing is wrong with this one: it prints its URL, answers, and ends cleanly on SIGTERM."""

import argparse
import http.server
import json
import os
import signal
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(
            {"name": "ok", "pid": os.getpid(), "day": os.environ.get("UV_EXCLUDE_NEWER")}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = False


parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
port = parser.parse_args().port
try:
    server = Server(("127.0.0.1", port), Handler)
except OSError as error:
    sys.exit(f"ok.py: cannot listen on 127.0.0.1:{port}: {error.strerror}")
signals = []


def leave(number, _frame):
    signals.append(number)
    print("signals", len(signals), "\x1b[31mred\x1b[0m", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, leave)
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
