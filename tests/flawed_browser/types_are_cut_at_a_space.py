# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Ends an event's type at its first space."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_events_go_to_who_listens_for_their_type",
}


def encode(event, right=contract.encode):
    return right(replace(event, event=event.event and event.event.split()[0]))


contract.encode = encode

base.run(stdlib_asyncio)
