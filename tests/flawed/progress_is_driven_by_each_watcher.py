# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Lets each stream of a session move its progress at a pace of its own."""

import time

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_progress_is_never_early_however_many_watch"}


class Session(contract.sessions.Session):
    @property
    def next_due(self):
        return self.due - (self.due - time.time()) / 2 if self.listeners > 1 else self.due

    @next_due.setter
    def next_due(self, due):
        self.due = due if self.listeners < 2 else time.time() + (due - time.time()) / self.listeners


contract.sessions.Session = Session
base.run(stdlib_asyncio)
