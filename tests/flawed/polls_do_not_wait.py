# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Answers every poll at once."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_held_poll_answers_as_soon_as_an_event_comes",
    "test_a_held_poll_ends_empty_when_its_wait_is_over_and_not_before",
}


def poll(self, request, wake, right=contract.Service._poll):
    request.number("wait", 0, 0, 60)
    return right(self, replace(request, query={**request.query, "wait": "0"}), wake)


contract.Service._poll = poll

base.run(stdlib_asyncio)
