# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Writes data that is no text as Python shows it."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_data_that_is_no_text_comes_out_in_some_form[list]",
    "test_data_that_is_no_text_comes_out_in_some_form[object]",
    "test_data_that_is_no_text_comes_out_in_some_form[true]",
}


contract.event.text = str
base.run(stdlib_asyncio)
