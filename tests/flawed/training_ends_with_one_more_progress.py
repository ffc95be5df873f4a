# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends the end of the training as one more event of progress."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_training_sends_every_step_and_then_complete"}


def resumed(make, total, request, interval_s, right=contract.demos._resumed):
    def made(number):
        event = make(number)
        return replace(event, event="progress") if event.event == "complete" else event

    return right(made, total, request, interval_s)


contract.demos._resumed = resumed
base.run(stdlib_asyncio)
