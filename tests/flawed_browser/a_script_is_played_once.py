# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers 204 to whoever comes back to an echo."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_stream_that_ends_well_is_asked_for_again",
}


def stream(self, request, right=contract.Service.stream):
    if request.path == "/events/echo" and request.last_event_id:
        raise contract.Refusal(204)
    return right(self, request)


contract.Service.stream = stream

base.run(stdlib_asyncio)
