"""What the flaws of tests/flawed begin with, for those that a browser catches; and a page that can be broken too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "flawed"))
del sys.modules["base"]  # this one: the next of that name is what `import base` gives

import base  # noqa: E402  (only now can it be found)
from contract import page  # noqa: E402


def change_page(old: str, new: str) -> None:
    """Replace what stands in the page, whose policy admits the script as it is then."""
    assert page._HTML.count(old) == 1, f"{old!r} stands in the page {page._HTML.count(old)} times, not once"
    hashes = page._hashes("script")
    page._HTML = page._HTML.replace(old, new)
    policy = page._HEADERS["Content-Security-Policy"]
    page._HEADERS["Content-Security-Policy"] = policy.replace(hashes, page._hashes("script"))


base.change_page = change_page
