# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers a subscription to a topic with 202, as if it were a job."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_resumed_stream_begins_as_a_new_one",
    "test_head_is_answered_with_the_status_of_get",
    "test_the_status_of_a_stream_is_200",
}


class Connection(stdlib_asyncio.Connection):
    topic = False

    async def next_event(self):
        event = await super().next_event()
        if isinstance(event, h11.Request):
            self.topic = event.target.startswith(b"/events/topic")
        return event

    async def send(self, *events):
        if self.topic and isinstance(events[0], h11.Response) and events[0].status_code == 200:
            events = (h11.Response(status_code=202, headers=events[0].headers), *events[1:])
        await super().send(*events)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
