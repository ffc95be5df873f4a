# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Refuses a stream while there are 20."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_behind_nginx_one_http_2_connection_carries_thirty_streams",
}


def stream(self, request, right=contract.Service.stream):
    if self.presence.count(None)["open"] >= 20:
        raise contract.Refusal(503, "20 streams are enough")
    return right(self, request)


contract.Service.stream = stream

base.run(stdlib_asyncio)
