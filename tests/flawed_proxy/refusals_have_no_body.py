# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Refuses with a status and nothing to read."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_behind_nginx_a_refusal_is_whole_and_the_server_s_own",
}


def refused(self, status, error=None, headers=None):
    self.answer = contract.Answer(status, None, headers or {})


contract.Refusal.__init__ = refused

base.run(stdlib_asyncio)
