# /// script
# requires-python = ">=3.11"
# ///
"""Starts a child, and a grandchild in a session of its own; both ignore SIGTERM, and it tends to neither."""

import http.server
import json
import subprocess
import sys

SLEEPER = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
children = [
    subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, start_new_session=apart)
    for apart in (False, True)
]
for child in children:
    child.stdout.readline()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"children": [child.pid for child in children]}).encode())


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
