# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil", "redis"]
# ///
"""Sends all that is kept after any id it knows."""

import base
import stdlib_asyncio
from contract.redis_hub import Page, RedisHub

CAUGHT_BY = {
    "test_a_client_that_comes_while_the_broker_is_away_gets_what_it_missed",
    "test_a_held_poll_is_answered_by_an_event_of_another_process",
    "test_a_poll_at_one_process_brings_what_a_stream_brings_at_another",
    "test_a_restarted_server_goes_on_where_it_stopped",
    "test_after_an_id_of_one_process_another_sends_exactly_the_events_missed",
    "test_nothing_acknowledged_is_lost_or_doubled_when_the_broker_dies_and_is_back",
    "test_nothing_is_lost_or_doubled_while_going_from_process_to_process_under_fire",
}


async def first(self, box, id, right=RedisHub._first):
    page = await right(self, box, id)
    if id is None or page.reset:
        return page
    entries = await self._store.entries(box.topic.name, "-", page.upto, 10_000)
    return Page(None, [box.topic.event(entry) for entry in entries], page.upto, page.upto)


RedisHub._first = first

base.run(stdlib_asyncio)
