# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Lets StopIteration out of its generators at their end, which Python makes a RuntimeError."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_finite_demo_ends_whole", "test_chat_sends_tokens_and_then_done"}


def paced(events, interval_s, lead=1, right=contract.demos._paced):
    def plan(wake):
        steps = right(events, interval_s, lead)(wake)
        while True:
            yield next(steps)

    return plan


contract.demos._paced = paced
base.run(stdlib_asyncio)
