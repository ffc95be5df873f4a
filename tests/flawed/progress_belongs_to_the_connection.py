# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps the progress with the connection, so that each stream begins at 0."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_progress_answers_204_to_who_has_seen_100",
    "test_progress_survives_a_reconnect",
    "test_two_streams_of_a_session_see_the_same_progress",
}


def progress(self, request, last_event_id, speed, right=contract.sessions.Sessions.progress):
    id = request.query.get("session")
    if id in self._sessions:
        self._sessions[id] = contract.sessions.Session(id)
    return right(self, request, last_event_id, speed)


contract.sessions.Sessions.progress = progress
base.run(stdlib_asyncio)
