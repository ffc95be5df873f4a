# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Goes on with a topic's stream whose client has reset the connection."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_quiet_stream_ends_within_a_second_of_its_client_s_leaving[pipelined-rst]",
    "test_a_quiet_stream_ends_within_a_second_of_its_client_s_leaving[quiet-rst]",
    "test_a_stream_ends_after_its_client_has_left[flooding-rst]",
    "test_a_stream_ends_after_its_client_has_left[pipelined-rst]",
    "test_a_stream_ends_after_its_client_has_left[quiet-rst]",
    "test_clean_up_runs_once_for_each_of_two_hundred_clients",
    "test_no_subscriber_is_kept_of_a_client_that_left",
    "test_two_hundred_clients_leave_no_subscriber",
}


class Connection(stdlib_asyncio.Connection):
    topic = False

    async def ask(self, head):
        self.topic = head.target.startswith(b"/events/topic")
        return await super().ask(head)

    async def send(self, *events):
        try:
            await super().send(*events)
        except ConnectionError:
            if not self.topic:
                raise

    async def gone(self, work):
        try:
            while data := await self.reader.read(2**14):
                self.http.receive_data(data)
        except ConnectionError:
            if self.topic:
                return
        work.cancel()


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
