# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Tells the time with the hour of summer time added once more."""

import time
from types import SimpleNamespace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_clock_tells_the_time_of_day"}


def strftime(pattern):
    return time.strftime(pattern, time.localtime(time.time() + 3600))


contract.demos.time = SimpleNamespace(time=time.time, strftime=strftime)
base.run(stdlib_asyncio)
