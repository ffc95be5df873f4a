# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Ends a topic's stream at once when its client comes back, the first time."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_page_finds_its_way_back_to_a_server_that_was_killed[topic]",
    "test_a_stream_that_is_cut_comes_back_by_itself",
}

cut = set()


def stream(self, request, right=contract.Service.stream):
    found, topic = right(self, request), request.query.get("topic")
    if request.last_event_id and topic and topic not in cut:
        cut.add(topic)
        found.close()
    return found


contract.Service.stream = stream

base.run(stdlib_asyncio)
