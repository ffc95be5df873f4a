# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Does not read while it sends: only a failing write tells that the client has left."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_quiet_stream_ends_within_a_second_of_its_client_s_leaving[pipelined-fin]",
    "test_a_quiet_stream_ends_within_a_second_of_its_client_s_leaving[quiet-fin]",
    "test_a_quiet_stream_ends_within_a_second_of_its_client_s_leaving[quiet-rst]",
    "test_a_quiet_stream_ends_within_a_second_of_its_client_s_leaving[waiting-fin]",
    "test_a_stream_whose_client_has_shut_its_sending_side_goes_on_or_ends",
}
MAY_TRIP = {"test_clients_that_have_left_leave_no_file_open"}


class Connection(stdlib_asyncio.Connection):
    async def unless_gone(self, coroutine):
        return await coroutine


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
