# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Counts only topics with a subscriber against their bound, and keeps all the others for ever."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_the_topics_of_a_server_are_bounded"}


class Hub(contract.hub.Hub):
    def _drop_one(self):
        if sum(bool(topic.mailboxes) for topic in self._topics.values()) >= self._most_topics:
            raise contract.Refusal(503, "all topics are in use", {"Retry-After": "1"})


stdlib_asyncio.SERVER.hub.__class__ = Hub
base.run(stdlib_asyncio)
