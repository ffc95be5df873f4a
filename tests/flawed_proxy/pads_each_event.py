# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends 8 KB of comment with each event, to push it through whatever buffers there are."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_behind_nginx_events_wait_where_x_accel_buffering_is_not_heeded",
}

PADDING = b":" + b" " * 8192 + b"\n"


def encode(event, right=contract.encode):
    data = right(event)
    return PADDING + data if event.data is not None else data


contract.encode = encode

base.run(stdlib_asyncio)
