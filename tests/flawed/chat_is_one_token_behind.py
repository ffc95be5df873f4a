# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps each token of an answer back until it has the next."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_each_token_of_an_answer_is_read_before_the_next_is_due"}


def chat(request, right=contract.demos.DEMOS["chat"]):
    plan = right(request)

    def behind(wake):
        held = None
        for due, event in plan(wake):
            yield due, held
            held = event
        yield due, held

    return behind


contract.demos.DEMOS["chat"] = chat

base.run(stdlib_asyncio)
