"""The page at `/`: every demonstration stream, live in a browser.

It is one file, read once. Rule of the file: the policy admits what page.html holds, by its hashes, and nothing else; so
text that a server sends could not run even if the page wrote it as HTML.
"""

import base64
import hashlib
import re
from pathlib import Path

from .message import Answer

_HTML = Path(__file__).with_name("page.html").read_text("utf-8")


def _hashes(element: str) -> str:
    """Give the hashes of an element's inline contents, as a policy names them."""
    found = re.findall(rf"<{element}>(.*?)</{element}>", _HTML, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found]
    return " ".join(f"'sha256-{digest}'" for digest in digests)


_HEADERS = {
    "Content-Security-Policy": "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hashes('script')}",
            f"style-src {_hashes('style')}",
            "connect-src 'self'",
            "img-src data:",  # its icon; without one a browser would ask for /favicon.ico
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def page() -> Answer:
    """Give what `GET /` answers."""
    return Answer(200, html=_HTML, headers=_HEADERS)
