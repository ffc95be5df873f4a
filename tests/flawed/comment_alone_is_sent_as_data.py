# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends a comment that stands alone as an event's data; its pings stay comments."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_comment_dispatches_nothing", "test_each_line_of_a_comment_reaches_the_wire"}
MAY_TRIP = {"test_random_scripts_come_out_as_they_went_in"}


def encode(event, right=contract.encode):
    alone = event.comment is not None and event.data is None and event is not contract.event.PING
    return right(contract.Event(f": {event.comment}") if alone else event)


contract.encode = encode
base.run(stdlib_asyncio)
