# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Opens a stream for what does not exist, to say so in an event."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_refusal_is_a_whole_response_and_no_stream",
    "test_a_refusal_tells_its_cause_by_status_and_has_a_media_type",
    "test_progress_of_no_session_is_not_found",
}


class Connection(stdlib_asyncio.Connection):
    async def send_answer(self, answer, cors, method=""):
        if answer.status == 404:
            answer = contract.Answer(200, answer.value, contract.STREAM_HEADERS)
        await super().send_answer(answer, cors, method)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
