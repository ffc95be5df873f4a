# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Skips two bytes behind each chunk, whatever they are, as h11 did before 0.16."""

import base
import h11
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_broken_chunk_is_a_bad_request[another-end]",
    "test_a_broken_chunk_that_comes_later_is_a_bad_request_too",
    "test_what_follows_a_broken_chunk_is_not_taken_for_a_request[another-end]",
}


class ChunkedReader(h11._readers.ChunkedReader):
    def __call__(self, buf):
        while self._bytes_to_discard and (skipped := buf.maybe_extract_at_most(len(self._bytes_to_discard))):
            self._bytes_to_discard = self._bytes_to_discard[len(skipped) :]
        return None if self._bytes_to_discard else super().__call__(buf)


h11._readers.READERS[h11.SEND_BODY]["chunked"] = ChunkedReader
base.run(stdlib_asyncio)
