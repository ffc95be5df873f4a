# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Compresses with gzip for who accepts it, and lets the compressor decide when something comes out."""

import zlib

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_finite_stream_is_whole_in_the_coding_that_was_accepted",
    "test_an_offer_to_compress_delays_no_event",
    "test_behind_nginx_a_generator_that_raises_cuts_the_stream[gzip]",
    "test_behind_nginx_each_event_is_read_before_the_next_is_due[gzip]",
    "test_each_event_is_read_before_the_next_is_due[1024-gzip]",
    "test_each_event_is_read_before_the_next_is_due[8192-gzip]",
}


class Connection(stdlib_asyncio.Connection):
    gzip = None

    async def next_event(self):
        event = await super().next_event()
        if isinstance(event, h11.Request):
            accepts = dict(event.headers).get(b"accept-encoding", b"")
            self.gzip = zlib.compressobj(wbits=31) if b"gzip" in accepts and event.method != b"HEAD" else None
        return event

    async def send_stream(self, stream, method, cors):
        coding = {"Content-Encoding": "gzip"} if self.gzip else {}
        await super().send_stream(stream, method, cors | coding)

    async def send(self, event, *others):
        if self.gzip and isinstance(event, h11.Data):
            event = h11.Data(data=self.gzip.compress(event.data))
        elif self.gzip and isinstance(event, h11.EndOfMessage):
            event, others = h11.Data(data=self.gzip.flush()), [event]
        await super().send(event, *others)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
