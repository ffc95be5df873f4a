# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Refuses a stream while there are 64."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_hundred_streams_at_once_get_every_tick",
    "test_five_hundred_streams_at_once_get_every_tick",
}


def stream(self, request, right=contract.Service.stream):
    if self.presence.count(None)["open"] >= 64:
        raise contract.Refusal(503, "64 streams are enough")
    return right(self, request)


contract.Service.stream = stream

base.run(stdlib_asyncio)
