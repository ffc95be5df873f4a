# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Gives every other subscriber of a topic the newest event first."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_an_id_beyond_ascii_is_resumed_from",
    "test_broadcast_order_is_the_same_for_every_subscriber",
}


def deliver(self, topic, event):
    for place, box in enumerate(topic.mailboxes):
        (box.events.appendleft if place % 2 else box.events.append)(event)
        box.wake.set()


contract.hub.Hub._deliver = deliver

base.run(stdlib_asyncio)
