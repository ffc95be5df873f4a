# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps an answer back until all its tokens are there."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_the_answer_to_a_post_is_read_token_by_token",
    "test_the_chat_types_its_answer",
}


def chat(request, right=contract.demos.chat):
    def plan(wake):
        *first, last = planned(wake)
        yield last[0], None
        yield from first
        yield last

    planned = right(request)
    return plan


contract.demos.DEMOS["chat"] = chat

base.run(stdlib_asyncio)
