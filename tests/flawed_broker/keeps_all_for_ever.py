# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil", "redis"]
# ///
"""Bounds no topic on the broker."""

import base
import stdlib_asyncio
from contract import redis_hub

CAUGHT_BY = {
    "test_an_id_that_the_broker_has_evicted_is_told_by_a_reset",
    "test_of_a_topic_on_a_broker_no_more_is_kept_than_its_history",
}


class Store(redis_hub.Store):
    def __init__(self, url, history, most_topics):
        super().__init__(url, 10**9, most_topics)


redis_hub.Store = Store

base.run(stdlib_asyncio)
