# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Has its page listen with onmessage alone."""

import base
import stdlib_asyncio

CAUGHT_BY = {
    "test_each_demonstration_moves_once_it_is_started[pipeline]",
    "test_each_demonstration_moves_once_it_is_started[progress]",
    "test_each_demonstration_moves_once_it_is_started[stocks]",
    "test_each_demonstration_moves_once_it_is_started[training]",
}

base.change_page(
    "source.addEventListener(type, (event) => {",
    'source.addEventListener("message", (event) => {',
)

base.run(stdlib_asyncio)
