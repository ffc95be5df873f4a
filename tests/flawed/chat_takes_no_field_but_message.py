# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Refuses a chat with any field but `message`, as a strict model does."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_chat_takes_a_conversation_id"}


def chat(request, right=contract.demos.chat):
    planned = right(request)
    if set(request.json()) - {"message"}:
        raise contract.Refusal(422, "extra fields are not permitted")
    return planned


contract.demos.DEMOS["chat"] = chat
base.run(stdlib_asyncio)
