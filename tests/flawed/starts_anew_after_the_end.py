# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Begins a stream anew for the client that has seen its end, where 204 would stop it."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_finite_demo_answers_204_to_the_id_of_its_last_event",
    "test_progress_answers_204_to_who_has_seen_100",
}


def stream(self, request, right=contract.Service.stream):
    try:
        return right(self, request)
    except contract.Refusal as refusal:
        if refusal.answer.status != 204:
            raise
        return right(self, replace(request, headers={}))


contract.Service.stream = stream
base.run(stdlib_asyncio)
