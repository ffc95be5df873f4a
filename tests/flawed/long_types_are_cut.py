# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Cuts an event type after 255 characters."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_an_event_type_of_64_kib_comes_out_whole"}


def encode(event, right=contract.encode):
    return right(replace(event, event=event.event and event.event[:255]))


contract.encode = encode
base.run(stdlib_asyncio)
