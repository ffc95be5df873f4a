# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps a topic's subscriber after its stream has ended."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_topic_is_free_again_when_its_subscriber_has_left",
    "test_no_subscriber_is_kept_of_a_client_that_left",
    "test_two_hundred_clients_leave_no_subscriber",
}

contract.hub.Hub.leave = lambda self, box: None

base.run(stdlib_asyncio)
