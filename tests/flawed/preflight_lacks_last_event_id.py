# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Forgets Last-Event-ID among the headers a page may send."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_preflight_passes"}

contract.cors._PREFLIGHT["Access-Control-Allow-Headers"] = "Content-Type, Cache-Control"

base.run(stdlib_asyncio)
