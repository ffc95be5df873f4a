# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Writes no id where it is the empty one."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_the_last_event_id_stays_until_another_or_an_empty_one",
}


def encode(event, right=contract.encode):
    return right(replace(event, id=event.id or None))


contract.encode = encode

base.run(stdlib_asyncio)
