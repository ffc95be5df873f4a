# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends the number of a tick as text, as one does who fears for large numbers in JavaScript."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_tick_never_leaves_before_it_is_due",
    "test_ticks_are_numbered_by_their_ids",
    "test_ticks_are_the_same_for_who_polls",
    "test_ticks_carry_their_due_time_and_what_was_asked_for",
}


def tick(self, n, right=contract.ticks.Clock.tick):
    return {**right(self, n), "n": str(n)}


contract.ticks.Clock.tick = tick
base.run(stdlib_asyncio)
