# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends each event of the clock and the counter when the next is made."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_each_event_of_a_demo_is_read_before_the_next_is_due[clock]",
    "test_each_event_of_a_demo_is_read_before_the_next_is_due[counter]",
}


def computed(make, interval_s, right=contract.demos._computed):
    def plan(wake):
        last = None
        for due, event in right(make, interval_s)(wake):
            yield due, event and last
            last = event or last

    return plan


contract.demos._computed = computed
base.run(stdlib_asyncio)
