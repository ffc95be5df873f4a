# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Ends a stream that takes long, as a proxy's limit of time for a response does: here after five seconds' ticks."""

from itertools import islice

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_long_stream_still_delivers_at_its_end"}


def ticks(request, history, right=contract.ticks.ticks):
    plan = right(request, history)
    return (lambda wake: islice(plan(wake), 10)) if request.query.get("interval") == "1" else plan


contract.service.ticks = ticks
base.run(stdlib_asyncio)
