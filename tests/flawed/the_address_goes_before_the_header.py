# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Resumes from the id in the address when the header has a newer one."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_the_id_in_the_header_goes_before_the_one_in_the_address"}


def last_event_id(self, right=contract.Request.last_event_id.fget):
    return self.query.get("after") or right(self)


contract.Request.last_event_id = property(last_event_id)

base.run(stdlib_asyncio)
