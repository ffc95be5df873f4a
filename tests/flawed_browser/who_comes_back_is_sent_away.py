# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers 204 to whoever comes back to a topic."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_numbered_stream_goes_on_over_a_kill_where_it_was",
    "test_a_page_finds_its_way_back_to_a_server_that_was_killed",
    "test_a_page_is_told_that_the_events_before_a_kill_are_gone",
    "test_a_stream_of_another_origin_is_resumed_after_a_cut",
    "test_a_stream_that_is_cut_comes_back_by_itself",
    "test_between_two_tries_lies_no_less_than_the_reconnection_time",
    "test_it_comes_back_after_no_less_than_the_reconnection_time",
    "test_no_event_is_lost_or_doubled_over_a_cut",
    "test_the_id_seen_last_is_sent_when_it_comes_back",
}


def stream(self, request, right=contract.Service.stream):
    if request.path == "/events/topic" and request.last_event_id:
        raise contract.Refusal(204)
    return right(self, request)


contract.Service.stream = stream

base.run(stdlib_asyncio)
