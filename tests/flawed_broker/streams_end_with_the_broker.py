# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil", "redis"]
# ///
"""Ends every stream when the broker goes away."""

import base
import stdlib_asyncio
from contract.redis_hub import RedisHub
from contract.redis_link import rouse

CAUGHT_BY = {
    "test_a_stream_stays_open_with_comments_while_the_broker_is_away",
}
# Where the broker is back before its death was noticed, no stream ends.
MAY_TRIP = {
    "test_nothing_acknowledged_is_lost_or_doubled_when_the_broker_dies_and_is_back",
}


def tell(self, what, right=RedisHub._tell):
    right(self, what)
    boxes = [box for topic in self._all() for box in topic.mailboxes if what != "is there"]
    for box in boxes:
        box.cut = True
    rouse(box.wake for box in boxes)


RedisHub._tell = tell

base.run(stdlib_asyncio)
