# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps each event of a topic back until something else is to be sent."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_published_event_is_read_before_a_comment_could_push_it_out",
    "test_a_published_event_is_read_before_the_next_comment_could_push_it_out",
}


class OneBehind(contract.Stream):
    __slots__ = ()

    async def __aiter__(self):
        held = None
        async for event in super().__aiter__():
            if held:
                yield held
            held = event
        if held:
            yield held


def stream(self, request, right=contract.Service.stream):
    found = right(self, request)
    if request.path == "/events/topic":
        found.__class__ = OneBehind
    return found


contract.Service.stream = stream

base.run(stdlib_asyncio)
