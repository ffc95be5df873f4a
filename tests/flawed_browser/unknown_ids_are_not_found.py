# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers 404 to an id that it does not know."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_numbered_stream_goes_on_over_a_kill_where_it_was",
    "test_a_page_finds_its_way_back_to_a_server_that_was_killed",
    "test_a_page_is_told_that_the_events_before_a_kill_are_gone",
    "test_between_two_tries_lies_no_less_than_the_reconnection_time",
}


def stream(self, request, right=contract.Service.stream):
    topic, id = request.query.get("topic"), request.last_event_id
    if topic and id and self.hub._token not in id:
        raise contract.Refusal(404, "no such id")
    return right(self, request)


contract.Service.stream = stream

base.run(stdlib_asyncio)
