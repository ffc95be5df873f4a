# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Gives out the numbers of events as their ids, in all topics alike."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_an_id_from_before_a_restart_is_told_by_a_reset",
    "test_an_id_of_one_topic_is_not_known_in_another",
    "test_an_id_that_is_not_known_is_told_by_a_reset",
    "test_pipelined_requests_are_answered_in_order[json]",
    "test_the_topics_of_a_server_are_bounded",
}


def after(self, id, right=contract.hub.Topic.after):
    return right(self, self._prefix + id if id else id)


contract.hub.Topic.after = after
contract.hub.Topic.place = lambda self, number: str(number)

base.run(stdlib_asyncio)
