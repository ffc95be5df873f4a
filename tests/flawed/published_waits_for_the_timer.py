# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Wakes a subscriber for what is published once, and then leaves it to the timer of the comments."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_published_event_is_read_before_the_next_comment_could_push_it_out"}


class Wake(contract.drive.AsyncWake):
    slept = 0

    def set(self):
        self._set = True
        if self.slept < 2:
            self._rouse()

    async def wait(self, seconds):
        self.slept += seconds > 0
        await super().wait(seconds)


contract.drive.AsyncWake = Wake
base.run(stdlib_asyncio)
