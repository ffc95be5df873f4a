# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Begins a stream with a comment, not with the reconnection time."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_resilient_sends_an_id_and_the_reconnection_time_with_every_event",
    "test_the_reconnection_time_is_announced_before_anything_else",
}


def encode(event, right=contract.encode):
    announced = contract.Event(retry=stdlib_asyncio.SERVER.options.retry)
    return right(contract.Event(comment="welcome") if event == announced else event)


contract.encode = encode

base.run(stdlib_asyncio)
