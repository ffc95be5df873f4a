# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Cuts the names of topics at 63 bytes."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_topics_do_not_leak_into_each_other"}


def topic(self, name, right=contract.hub.Hub._topic):
    return right(self, name.encode()[:63].decode(errors="ignore"))


contract.hub.Hub._topic = topic

base.run(stdlib_asyncio)
