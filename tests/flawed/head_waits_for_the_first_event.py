# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps the head of a stream until there is an event to send with it."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {"test_the_headers_leave_before_the_first_event_is_due"}


class Connection(stdlib_asyncio.Connection):
    held = ()

    async def send(self, *events):
        self.held = (*self.held, *events)
        if not isinstance(events[-1], h11.Response):  # an answer's head comes together with its body
            held, self.held = self.held, ()
            await super().send(*held)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
