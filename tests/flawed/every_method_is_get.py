# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Looks at the path only: whatever the method, the stream begins."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_another_method_is_not_allowed"}

ANY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
contract.service.STREAMS = dict.fromkeys(contract.service.STREAMS, ANY)

base.run(stdlib_asyncio)
