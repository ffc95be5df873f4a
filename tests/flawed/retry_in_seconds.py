# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Writes the reconnection time in seconds."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_reconnection_time_alone_dispatches_nothing",
    "test_a_reconnection_time_is_written_in_digits",
    "test_keeping_alive_dispatches_nothing_and_changes_no_id",
    "test_resilient_sends_an_id_and_the_reconnection_time_with_every_event",
    "test_the_reconnection_time_is_announced_before_anything_else",
}


def encode(event, right=contract.encode):
    return right(replace(event, retry=event.retry / 1000) if event.retry else event)


contract.encode = encode
base.run(stdlib_asyncio)
