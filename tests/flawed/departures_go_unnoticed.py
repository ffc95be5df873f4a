# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Goes on with a topic's stream when its client has left: neither reads nor heeds a failing write."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_quiet_stream_ends_within_a_second_of_its_client_s_leaving[pipelined-fin]",
    "test_a_quiet_stream_ends_within_a_second_of_its_client_s_leaving[quiet-fin]",
    "test_a_quiet_stream_ends_within_a_second_of_its_client_s_leaving[quiet-rst]",
    "test_a_stream_ends_after_its_client_has_left[pipelined-fin]",
    "test_a_stream_ends_after_its_client_has_left[quiet-fin]",
    "test_a_stream_ends_after_its_client_has_left[quiet-killed]",
    "test_a_stream_ends_after_its_client_has_left[quiet-rst]",
    "test_a_topic_is_free_again_when_its_subscriber_has_left",
    "test_behind_nginx_a_client_s_leaving_reaches_the_server",
    "test_clean_up_runs_once_for_each_of_two_hundred_clients",
    "test_no_subscriber_is_kept_of_a_client_that_left",
    "test_two_hundred_clients_leave_no_subscriber",
}
MAY_TRIP = {
    "test_a_client_that_vanishes_is_noticed_in_the_time_the_server_claims",
}


class Connection(stdlib_asyncio.Connection):
    topic = False

    async def ask(self, head):
        self.topic = head.target.startswith(b"/events/topic")
        return await super().ask(head)

    async def send(self, *events):
        try:
            await super().send(*events)
        except OSError:
            if not self.topic:
                raise

    async def unless_gone(self, coroutine):
        return await (coroutine if self.topic else super().unless_gone(coroutine))


stdlib_asyncio.Connection = Connection

base.run(stdlib_asyncio)
