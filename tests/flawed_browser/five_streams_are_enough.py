# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Refuses a stream while there are five of the same name."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_seventh_stream_waits_until_one_is_closed",
    "test_many_streams_of_one_page_are_open_at_once[http-1.1]",
}


def stream(self, request, right=contract.Service.stream):
    name = request.query.get("as")
    if name and self.presence.count(name)["open"] >= 5:
        raise contract.Refusal(503, "five streams are enough")
    return right(self, request)


contract.Service.stream = stream

base.run(stdlib_asyncio)
