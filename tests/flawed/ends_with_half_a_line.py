# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Ends every stream with a comment that has no end of line."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {
    "test_the_body_of_an_answer_to_a_chat_fits_the_grammar",
    "test_the_last_event_is_ended_by_a_blank_line",
    "test_the_whole_body_fits_the_grammar",
}
MAY_TRIP = {"test_random_scripts_come_out_as_they_went_in"}


class Connection(stdlib_asyncio.Connection):
    async def send_stream(self, stream, method, cors):
        self.says_bye = method != "HEAD"
        await super().send_stream(stream, method, cors)

    async def send(self, *events):
        bye = [h11.Data(data=b": bye")] if type(events[0]) is h11.EndOfMessage and self.says_bye else []
        await super().send(*bye, *events)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
