# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Begins a stream anew for the client that has seen its end."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_204_to_the_id_of_the_last_event_ends_it_for_good",
    "test_streams_that_have_ended_are_shown_as_ended",
    "test_what_is_no_stream_closes_it_at_once[204]",
}


def stream(self, request, right=contract.Service.stream):
    try:
        return right(self, request)
    except contract.Refusal as refusal:
        if refusal.answer.status != 204:
            raise
        return right(self, replace(request, headers={}, query={}))


contract.Service.stream = stream

base.run(stdlib_asyncio)
