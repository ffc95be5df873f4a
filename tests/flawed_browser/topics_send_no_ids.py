# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends the events of a topic without their ids."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_page_is_told_that_the_events_before_a_kill_are_gone",
    "test_a_stream_of_another_origin_is_resumed_after_a_cut",
    "test_a_stream_that_is_cut_comes_back_by_itself",  # its story waits for what was published meanwhile
    "test_it_comes_back_after_no_less_than_the_reconnection_time",
    "test_no_event_is_lost_or_doubled_over_a_cut",
    "test_the_id_seen_last_is_sent_when_it_comes_back",
}


def append(self, data, event, right=contract.hub.Topic.append):
    self.kept[-1] = made = replace(right(self, data, event), id=None)
    return made


contract.hub.Topic.append = append

base.run(stdlib_asyncio)
