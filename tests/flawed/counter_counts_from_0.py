# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Counts from 0, so that the first id is one that other streams take for none."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_counter_counts_from_1_and_tells_the_time"}


def computed(make, interval_s, right=contract.demos._computed):
    return right(lambda number: make(number - 1), interval_s)


contract.demos._computed = computed
base.run(stdlib_asyncio)
