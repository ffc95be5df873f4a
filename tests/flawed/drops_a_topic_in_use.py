# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Drops the topic used longest ago, though somebody may be subscribed to it."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_server_with_all_its_topics_in_use_refuses_one_more",
    "test_a_topic_with_a_subscriber_is_never_dropped",
}

contract.hub.Hub._drop_one = lambda self: self._topics.pop(next(iter(self._topics)))
base.run(stdlib_asyncio)
