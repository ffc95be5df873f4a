# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Writes a Content-Length into the head of a response that comes in chunks."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_length_and_a_transfer_coding_exclude_each_other",
    "test_a_stream_without_an_end_has_no_length",
}


def send(connection, event, right=h11.Connection.send):
    chunked, length = b"Transfer-Encoding: chunked\r\n", b"Content-Length: 0\r\n"
    written = right(connection, event)
    return written.replace(chunked, length + chunked, 1) if isinstance(event, h11.Response) else written


h11.Connection.send = send

base.run(stdlib_asyncio)
