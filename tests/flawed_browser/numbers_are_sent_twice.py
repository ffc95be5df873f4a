# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Begins again with the number that its client has seen last."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_204_to_the_id_of_the_last_event_ends_it_for_good",
    "test_a_numbered_stream_goes_on_over_a_kill_where_it_was",
    "test_streams_that_have_ended_are_shown_as_ended",
    "test_the_page_says_that_its_server_is_gone_and_that_it_is_back",
}


def resilient(request, retry_ms, right=contract.demos.resilient):
    def plan(wake):
        for due, event in planned(wake):
            yield due, replace(event, id=str(int(event.id) - 1))

    planned = right(request, retry_ms)
    return plan


contract.service.resilient = resilient

base.run(stdlib_asyncio)
