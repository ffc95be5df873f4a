# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Ignores SIGTERM, and ends at SIGINT only."""

import signal
from types import SimpleNamespace

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_server_ended_by_sigterm_exits_with_0",
    "test_a_server_with_open_streams_ends_within_three_seconds_of_sigterm",
    "test_streams_open_at_sigterm_come_to_a_clean_end",
}

signal.signal(signal.SIGTERM, signal.SIG_IGN)
stdlib_asyncio.signal = SimpleNamespace(SIGTERM=signal.SIGINT, SIGINT=signal.SIGINT)

base.run(stdlib_asyncio)
