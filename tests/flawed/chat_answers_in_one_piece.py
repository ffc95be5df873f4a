# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends all tokens of an answer at once, as where the model's answer was awaited whole."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_chat_is_never_faster_than_its_rate"}


def chat(request, right=contract.demos.chat):
    def plan(wake):
        for _, event in planned(wake):
            yield 0.0, event

    planned = right(request)
    return plan


contract.demos.DEMOS["chat"] = chat
base.run(stdlib_asyncio)
