# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Has its page load a script from another host."""

import base
import contract.page
import contract.service
import stdlib_asyncio

CAUGHT_BY = {"test_the_page_is_html_that_needs_nothing_else"}


def page(right=contract.page.page):
    found = right()
    html = found.html.replace("<script>", '<script src="https://cdn.example/x.js"></script><script>')
    return contract.Answer(found.status, html=html, headers=found.headers)


contract.service.page = page
base.run(stdlib_asyncio)
