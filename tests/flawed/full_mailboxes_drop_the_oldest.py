# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Drops the oldest event of a subscriber whose mailbox is full."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_client_that_does_not_read_is_cut_off",
    "test_a_client_that_was_cut_off_resumes_without_loss",
    "test_a_subscriber_whose_mailbox_overflows_is_cut_off_without_a_gap",
}


def deliver(self, topic, event, right=contract.hub.Hub._deliver):
    for box in topic.mailboxes:
        del box.events[: -self._mailbox + 1]
    right(self, topic, event)


contract.hub.Hub._deliver = deliver

base.run(stdlib_asyncio)
