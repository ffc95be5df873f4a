# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Leaves a CR in data and comments as it is, so that a client ends a line there."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_data_that_looks_like_syntax_stays_data[after-cr]",
    "test_each_line_of_a_comment_reaches_the_wire[lines]",
    "test_each_line_of_data_is_a_data_field[cr]",
    "test_no_field_smuggles_another_past_an_end_of_line[comment-cr]",
}
MAY_TRIP = {"test_random_scripts_come_out_as_they_went_in"}


class LfOnly:
    """Split at LF alone."""

    split = staticmethod(lambda text: text.split("\n"))
    search = contract.event._LINE_END.search


contract.event._LINE_END = LfOnly
base.run(stdlib_asyncio)
