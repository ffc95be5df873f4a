# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Counts, but leaves out every fifth number."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_what_becomes_of_the_stream_of_a_page_in_the_cache[storable]",
}


def computed(make, interval_s, right=contract.demos._computed):
    return right(lambda number: make(number + number // 4), interval_s)


contract.demos._computed = computed

base.run(stdlib_asyncio)
