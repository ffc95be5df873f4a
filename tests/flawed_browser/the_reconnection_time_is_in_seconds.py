# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Announces the reconnection time in seconds."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_between_two_tries_lies_no_less_than_the_reconnection_time",
    "test_it_comes_back_after_no_less_than_the_reconnection_time",
}


def encode(event, right=contract.encode):
    return right(replace(event, retry=event.retry and event.retry // 1000))


contract.encode = encode

base.run(stdlib_asyncio)
