# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends a session's progress without ids."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_progress_goes_up_and_ends_whole", "test_progress_survives_a_reconnect"}


def progress(self, request, last_event_id, speed, right=contract.sessions.Sessions.progress):
    def plan(wake):
        for due, event in planned(wake):
            yield due, event and replace(event, id=None)

    planned = right(self, request, last_event_id, speed)
    return plan


contract.sessions.Sessions.progress = progress
base.run(stdlib_asyncio)
