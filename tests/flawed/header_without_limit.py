# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Keeps whatever comes before the blank line, however much it is."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {"test_a_header_without_an_end_is_not_kept_for_ever"}


class Connection(stdlib_asyncio.Connection):
    def __init__(self, *streams):
        super().__init__(*streams)
        self.http = h11.Connection(h11.SERVER, max_incomplete_event_size=2**40)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
