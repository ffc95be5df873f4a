# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Compresses where gzip is offered, flushes each event and never ends the compression."""

import zlib

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {"test_a_finite_stream_is_whole_in_the_coding_that_was_accepted[gzip]"}


class Connection(stdlib_asyncio.Connection):
    packer = None

    async def next_event(self):
        event = await super().next_event()
        if isinstance(event, h11.Request):
            packs = (b"accept-encoding", b"gzip") in list(event.headers)
            self.packer = zlib.compressobj(wbits=31) if packs else None
        return event

    async def send_stream(self, stream, method, cors):
        coding = {"Content-Encoding": "gzip"} if self.packer else {}
        await super().send_stream(stream, method, cors | coding)

    async def send(self, event, *others):
        if self.packer and isinstance(event, h11.Data):
            packed = self.packer.compress(event.data) + self.packer.flush(zlib.Z_SYNC_FLUSH)
            event = h11.Data(data=packed)
        await super().send(event, *others)


stdlib_asyncio.Connection = Connection
base.run(stdlib_asyncio)
