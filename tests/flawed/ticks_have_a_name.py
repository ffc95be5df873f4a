# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Names ticks and counts `update`, so that no onmessage hears of them."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_stream_of_one_kind_sends_events_of_default_type[counter]",
    "test_a_stream_of_one_kind_sends_events_of_default_type[ticks]",
}


def named(self, name, request, right=contract.Service._plan):
    def plan(wake):
        for due, event in planned(wake):
            yield due, event and replace(event, event="update")

    planned = right(self, name, request)
    return plan if name in ("ticks", "counter") else planned


contract.Service._plan = named
base.run(stdlib_asyncio)
