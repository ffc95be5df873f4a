# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Takes what is left of a refused body for the connection's next request."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {"test_no_part_of_a_refused_body_is_taken_for_a_request"}


class Connection(stdlib_asyncio.Connection):
    async def linger(self):
        if self.http.their_state is not h11.SEND_BODY:
            return await super().linger()
        rest, _ = self.http.trailing_data
        while b"GET " not in rest and (more := await self.reader.read(2**16)):
            rest += more
        self.http = h11.Connection(h11.SERVER)
        self.http.receive_data(rest[rest.find(b"GET ") :])
        await self.serve()


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
