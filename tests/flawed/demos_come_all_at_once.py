# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends all events of a finite demonstration at once."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_demo_is_never_early", "test_a_demo_keeps_its_pace_without_speed"}


def resumed(make, total, request, interval_s, right=contract.demos._resumed):
    return right(make, total, request, 0)


contract.demos._resumed = resumed
base.run(stdlib_asyncio)
