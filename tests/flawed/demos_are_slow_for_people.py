# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Runs demonstrations ten times too slow unless asked for a speed."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_demo_keeps_its_pace_without_speed", "test_clock_goes"}


def speed(request, right=contract.demos._speed):
    return right(request) if "speed" in request.query else 0.1


contract.demos._speed = speed
base.run(stdlib_asyncio)
