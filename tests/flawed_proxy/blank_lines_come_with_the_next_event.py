# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends the blank line that dispatches an event with the next event, and the last one's never."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {
    "test_behind_nginx_a_204_passes",
    "test_behind_nginx_a_finite_stream_is_whole",
    "test_behind_nginx_a_generator_that_raises_cuts_the_stream",
    "test_behind_nginx_a_kept_connection_serves_one_request_after_the_other",
    "test_behind_nginx_each_event_is_read_before_the_next_is_due",
    "test_behind_nginx_each_token_of_an_answer_is_read_before_the_next_is_due",
}


class Connection(stdlib_asyncio.Connection):
    """Hold the last line end of each event back until the next one."""

    open = False

    async def send(self, *events):
        data = getattr(events[0], "data", b"")
        if data.startswith((b"data:", b"event:")):
            before = b"\n" if self.open else b""
            self.open, events = True, [h11.Data(data=before + bytes(data)[:-1])]
        elif isinstance(events[0], h11.Response):
            self.open = False
        await super().send(*events)


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
