# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Counts the epochs from 0, as range() does."""

import json
from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_training_tells_its_place_and_a_loss_that_falls"}


def resumed(make, total, request, interval_s, right=contract.demos._resumed):
    def made(number):
        event = make(number)
        told = json.loads(event.data)
        return (
            replace(event, data=json.dumps({**told, "epoch": told["epoch"] - 1}))
            if "epoch" in told
            else event
        )

    return right(made, total, request, interval_s)


contract.demos._resumed = resumed
base.run(stdlib_asyncio)
