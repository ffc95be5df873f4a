# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Gives each numbered event the id of the one before, counted from 0."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_finite_demo_answers_204_to_the_id_of_its_last_event[resilient]",
    "test_a_finite_demo_goes_on_after_the_last_event_id[resilient-1]",
    "test_resilient_sends_every_number_with_its_id",
}


def resilient(request, retry_ms, right=contract.demos.resilient):
    def plan(wake):
        for due, event in planned(wake):
            yield due, replace(event, id=str(int(event.id) - 1))

    planned = right(request, retry_ms)
    return plan


contract.service.resilient = resilient
base.run(stdlib_asyncio)
