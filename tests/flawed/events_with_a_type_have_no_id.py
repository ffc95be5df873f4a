# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Gives no id to events that have a type."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_poll_brings_what_a_stream_brings_after_the_same_id",
    "test_each_topic_event_has_an_id_of_its_own",
}


def append(self, data, event, right=contract.hub.Topic.append):
    made = right(self, data, event)
    if event:
        self.kept[-1] = made = contract.Event(data=data, event=event)
    return made


contract.hub.Topic.append = append

base.run(stdlib_asyncio)
