# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers an echo with 202, which a browser takes for no stream."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_stream_opens_and_its_events_come_while_it_is_open",
    "test_a_stream_that_ends_well_is_asked_for_again",
    "test_a_stream_under_another_head_is_read_or_not[upper-case]",
    "test_a_stream_under_another_head_is_read_or_not[utf-8]",
    "test_comments_and_blocks_without_data_dispatch_nothing",
    "test_events_go_to_who_listens_for_their_type",
    "test_text_that_goes_in_comes_out_in_the_page",
    "test_the_last_event_id_stays_until_another_or_an_empty_one",
    "test_what_a_generator_that_raises_at_once_does_to_a_page",
}


class Connection(stdlib_asyncio.Connection):
    echo = False

    async def ask(self, head):
        self.echo = head.target.startswith(b"/events/echo")
        return await super().ask(head)

    async def send(self, *events):
        if self.echo and isinstance(events[0], h11.Response) and events[0].status_code == 200:
            events = (h11.Response(status_code=202, headers=events[0].headers), *events[1:])
        await super().send(*events)


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
