# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Ends a stream whose generator has raised as if that was all."""

from contextlib import suppress

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_generator_that_raises_cuts_the_stream",
    "test_a_raise_before_the_first_event_shows_in_the_status_or_the_end",
    "test_an_event_right_before_a_raise_arrives_or_is_lost",
    "test_behind_nginx_a_generator_that_raises_cuts_the_stream",
}


async def unheard(stream):
    with suppress(contract.echo.ScriptFailed):
        async for event in stream:
            yield event


class Connection(stdlib_asyncio.Connection):
    async def send_stream(self, stream, method, cors):
        await super().send_stream(base.Changed(stream, unheard), method, cors)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
