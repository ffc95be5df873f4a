# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps a topic in use when its last subscriber has left."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_topic_is_free_again_when_its_subscriber_has_left"}


def leave(self, box):
    box.counts = False  # but its mailbox stays


contract.hub.Hub.leave = leave
base.run(stdlib_asyncio)
