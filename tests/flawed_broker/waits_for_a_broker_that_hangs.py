# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil", "redis"]
# ///
"""Waits a minute for the broker's answer."""

import base
import stdlib_asyncio
from contract import redis_hub, redis_store

CAUGHT_BY = {
    "test_publishing_while_the_broker_is_away_is_refused_for_now",
}

redis_hub.ANSWER_S = redis_store.ANSWER_S = 60.0

base.run(stdlib_asyncio)
