# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Prints a traceback when an id is no UTF-8."""

import traceback

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_no_odd_id_leaves_a_traceback"}


def last_event_id(self, right=contract.Request.last_event_id.fget):
    try:
        self.headers.get("last-event-id", "").encode("latin-1").decode()
    except UnicodeDecodeError:
        traceback.print_exc()
    return right(self)


contract.Request.last_event_id = property(last_event_id)

base.run(stdlib_asyncio)
