# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Counts the characters of a refusal wrongly and closes before the last one."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_refusal_for_want_of_room_is_a_whole_response_and_no_stream",
    "test_a_refusal_is_a_whole_response_and_no_stream",
}


class Connection(stdlib_asyncio.Connection):
    async def send_answer(self, answer, cors, method=""):
        if answer.status in (404, 503) and method != "HEAD":
            head = f"HTTP/1.1 {answer.status} No\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
            more = "".join(f"{name}: {value}\r\n" for name, value in cors.items())
            self.writer.write(f"{head}{more}\r\n".encode() + answer.body[:99])
            raise ConnectionAbortedError("all is said")
        await super().send_answer(answer, cors, method)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
