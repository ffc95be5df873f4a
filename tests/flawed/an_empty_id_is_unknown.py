# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Takes an empty id for one that it does not know."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_an_empty_id_is_no_id"}


def last_event_id(self, right=contract.Request.last_event_id.fget):
    return "" if "" in (self.headers.get("last-event-id"), self.query.get("after")) else right(self)


contract.Request.last_event_id = property(last_event_id)

base.run(stdlib_asyncio)
