# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Says Content-Length: 0 in a 204, as many frameworks do of any empty body."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {"test_a_204_has_neither_length_nor_transfer_coding"}


def send(connection, event, right=h11.Connection.send):
    written = right(connection, event)
    if isinstance(event, h11.Response) and event.status_code == 204:
        written = written.removesuffix(b"\r\n") + b"Content-Length: 0\r\n\r\n"
    return written


h11.Connection.send = send

base.run(stdlib_asyncio)
