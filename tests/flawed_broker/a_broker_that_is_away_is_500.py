# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil", "redis"]
# ///
"""Answers 500 while the broker is away or refuses."""

import base
import stdlib_asyncio
from contract import redis_hub
from contract.message import Refusal

CAUGHT_BY = {
    "test_a_poll_while_the_broker_is_away_is_refused_for_now",
    "test_publishing_while_the_broker_is_away_is_refused_for_now",
    "test_what_the_broker_refuses_is_refused_for_now",
}


def refusal(error):
    return Refusal(500, str(error))


redis_hub.refusal = refusal

base.run(stdlib_asyncio)
