# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Draws stocks and answers by chance, whatever the seed."""

import random
from types import SimpleNamespace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_chat_answers_the_same_to_the_same_message_and_seed_only[again]",
    "test_stocks_are_the_same_for_the_same_seed_only",
}

contract.demos.random = SimpleNamespace(Random=lambda seed: random.Random())
base.run(stdlib_asyncio)
