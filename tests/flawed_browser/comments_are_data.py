# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends a comment that stands alone as an event."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_comments_and_blocks_without_data_dispatch_nothing",
}


def encode(event, right=contract.encode):
    alone = event.comment is not None and event.data is None and event is not contract.event.PING
    return right(contract.Event(f": {event.comment}") if alone else event)


contract.encode = encode

base.run(stdlib_asyncio)
