# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil", "redis"]
# ///
"""Counts events by process, and gives them its number for an id."""

import itertools
import os

import base
import stdlib_asyncio
from contract.event import Event
from contract.redis_hub import Topic

CAUGHT_BY = {
    "test_a_held_poll_is_answered_by_an_event_of_another_process",
    "test_a_poll_at_one_process_brings_what_a_stream_brings_at_another",
    "test_all_processes_send_the_events_in_one_order",
    "test_an_event_published_at_one_process_reaches_subscribers_at_all",
    "test_an_id_that_the_broker_has_evicted_is_told_by_a_reset",
    "test_nothing_is_lost_or_doubled_while_going_from_process_to_process_under_fire",
    "test_of_a_topic_on_a_broker_no_more_is_kept_than_its_history",
}

NUMBERS = itertools.count(1)


def event(self, entry):
    return Event(data=entry.data, event=entry.event, id=f"{self.prefix}{os.getpid()}-{next(NUMBERS)}")


Topic.event = event

base.run(stdlib_asyncio)
