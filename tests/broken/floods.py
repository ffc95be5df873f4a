# /// script
# requires-python = ">=3.11"
# ///
"""Answers /json/about as it should and all else with a flood that has no end; which one, FLOOD says."""

import argparse
import json
import os
import socket
import threading

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
FLOODS = {
    "json": (OK.replace(b"text/event-stream", b"application/json") + b"\r\n", b"["),
    "line": (OK + b"\r\ndata: ", b"y"),
    "events": (OK + b"\r\n", b"data\n\n"),
}
start, more = FLOODS[os.environ["FLOOD"]]


def serve(connection):
    with connection:
        try:
            if connection.recv(65536).startswith(b"GET /json/about "):
                about = json.dumps({"name": "floods", "pid": os.getpid(), "capabilities": []}).encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(about), about))
                return
            threading.Thread(target=take, args=(connection,), daemon=True).start()
            connection.sendall(start)
            while True:
                connection.sendall(more * (65536 // len(more)))
        except OSError:
            pass


def take(connection):
    """Take what is still sent, so that the flood is what its client has to do with."""
    try:
        while connection.recv(65536):
            pass
    except OSError:
        pass


parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
listening = socket.create_server(("127.0.0.1", parser.parse_known_args()[0].port))
print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
while True:
    connection, _ = listening.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
