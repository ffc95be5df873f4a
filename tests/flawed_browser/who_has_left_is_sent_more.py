# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Goes on with a stream when its client has left: neither reads nor heeds a failing write."""

import contextlib

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_page_that_is_left_closes_its_streams_and_opens_them_on_return",
    "test_a_stopped_demonstration_is_over_at_the_server_too",
    "test_the_server_sees_that_a_page_has_had_enough",
}


class Connection(stdlib_asyncio.Connection):
    async def send(self, *events):
        with contextlib.suppress(OSError):
            await super().send(*events)

    async def unless_gone(self, coroutine):
        return await coroutine


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
