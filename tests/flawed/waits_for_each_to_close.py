# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Serves nobody while it waits, after the end of an answer, for its client to close as well."""

import contextlib
import socket

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {"test_a_client_that_keeps_its_connection_after_its_answer_holds_nobody_up"}


class Connection(stdlib_asyncio.Connection):
    async def linger(self):
        if self.http.their_state is not h11.MUST_CLOSE:  # a request that is at fault
            return await super().linger()
        end = self.writer.get_extra_info("socket").dup()
        end.shutdown(socket.SHUT_WR)
        end.settimeout(2.0)
        with contextlib.suppress(OSError):
            end.recv(4096)
        end.close()


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
