# /// script
# requires-python = ">=3.11"
# ///
"""Listens and prints its URL, then answers each request as --how says."""

import argparse
import socket
import sys
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def drip():
    yield OK + b"Content-Length: 1000\r\n\r\n"
    while True:
        yield b"x"
        time.sleep(0.05)


def endless(start, more):
    yield start
    while True:
        yield more * 4096


HOW = {
    "nothing": lambda: iter(()),
    "500": lambda: [b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops"],
    "garbage": lambda: [b"SSH-2.0-OpenSSH_9.2\r\n\x1b[2J"],
    "header": lambda: endless(OK, b"X-More: and more\r\n"),
    "line": lambda: endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "drip": drip,
    "text": lambda: [OK + b"Content-Length: 5\r\n\r\nhello"],
}
parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--how", choices=HOW)
arguments = parser.parse_args()
listening = socket.create_server(("127.0.0.1", arguments.port))
print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
while True:
    connection, _ = listening.accept()
    connection.recv(4096)
    if arguments.how == "500":
        print("RuntimeError: the handler is broken", file=sys.stderr)
    try:
        for data in HOW[arguments.how]():
            connection.sendall(data)
        if arguments.how == "nothing":
            time.sleep(60)
    except OSError:
        pass
