# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Goes on from now after an id that it does not know."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_page_is_told_that_the_events_before_a_kill_are_gone",
}


def after(self, id, right=contract.hub.Topic.after):
    found = right(self, id)
    return right(self, None) if found.reset else found


contract.hub.Topic.after = after

base.run(stdlib_asyncio)
