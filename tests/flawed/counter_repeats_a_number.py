# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Counts to ten and then ten once more."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_counter_skips_and_repeats_no_number"}


def computed(make, interval_s, right=contract.demos._computed):
    return right(lambda number: make(number - (number > 9)), interval_s)


contract.demos._computed = computed
base.run(stdlib_asyncio)
