# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Refuses everything with 400, whatever the cause."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_body_announced_too_large_is_refused_before_it_is_sent",
    "test_a_body_one_byte_too_large_is_refused_as_too_large",
    "test_a_refusal_tells_its_cause_by_status_and_has_a_media_type",
    "test_another_method_is_not_allowed",
    "test_chat_refuses_what_is_no_message",
}


class Refusal(contract.Refusal):
    def __init__(self, status, error=None, headers=None):
        super().__init__(400 if status > 400 else status, error, headers)


contract.message.Refusal = contract.service.Refusal = Refusal

base.run(stdlib_asyncio)
