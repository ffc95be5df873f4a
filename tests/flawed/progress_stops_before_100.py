# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Ends a session's stream when 100 is reached, without sending it."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_progress_goes_from_0_to_100_and_names_its_session"}


def progress(self, request, last_event_id, speed, right=contract.sessions.Sessions.progress):
    def plan(wake):
        for due, event in planned(wake):
            if event and event.id == "100":
                return
            yield due, event

    planned = right(self, request, last_event_id, speed)
    return plan


contract.sessions.Sessions.progress = progress
base.run(stdlib_asyncio)
