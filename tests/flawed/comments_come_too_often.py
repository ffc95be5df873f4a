# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends eight comments in the time of one."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_quiet_stream_carries_no_more_comments_than_asked_for"}


def stream(self, request, right=contract.Service.stream):
    made = right(self, request)
    made._ping_s /= 8
    return made


contract.Service.stream = stream
base.run(stdlib_asyncio)
