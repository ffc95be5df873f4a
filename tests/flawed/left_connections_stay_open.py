# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Does not close a connection when its client has closed it."""

import base
import stdlib_asyncio

CAUGHT_BY = {"test_clients_that_have_left_leave_no_file_open"}


class Connection(stdlib_asyncio.Connection):
    def __init__(self, reader, writer):
        super().__init__(reader, writer)
        close = writer.close
        writer.close = lambda: KEPT.append(writer) if reader.at_eof() else close()


KEPT = []
stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
