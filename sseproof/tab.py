"""A page in the browser, as a case holds it: go somewhere, open EventSources, wait until something is so.

Rule of the file: every wait has a limit and says what had come by then, with what the page's console said. What a page
does not show in time is the server's doing (StreamTimeout); what the browser did not survive is a BrowserError.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from playwright import sync_api

from sseproof.chromium import BrowserError, Chromium
from sseproof.listening import Reading, Source
from sseproof.stream import StreamFault, StreamTimeout

WITHIN_S = 10.0  # of anything a page is to show, on a machine with all cores busy


class Tab:
    """One page with a profile of its own. Leaving the context closes it, and with it all its connections."""

    def __init__(self, chromium: Chromium) -> None:
        self._chromium = chromium
        # A proxy's certificate is made on the spot.
        self._context = chromium.context(ignore_https_errors=True)
        self.said: list[str] = []  # by the console and by errors nobody caught
        self.asked: list[str] = []  # every URL the page requested
        self._crashed = False
        self._names = 0
        self._blank = ""  # the origin of the blank page it is on
        with chromium.answering("open a page"):
            self._page = self._context.new_page()
        self._page.on("console", lambda message: self.said.append(message.text))
        self._page.on("pageerror", lambda error: self.said.append(str(error)))
        self._page.on("dialog", self._refuse)
        self._page.on("request", lambda request: self.asked.append(request.url))
        self._page.on("crash", lambda _: setattr(self, "_crashed", True))

    def _refuse(self, dialog: sync_api.Dialog) -> None:
        self.said.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def do(self, what: str, action: Callable[[], Any]) -> Any:
        """Do something with the page; what fails is told with whose fault it is."""
        try:
            with self._chromium.answering(what):
                return action()
        except sync_api.TimeoutError as error:
            self._unless_crashed(error)
            raise StreamTimeout(f"could not {what} in {WITHIN_S:g} s{self._told()}") from None
        except sync_api.Error as error:
            self._unless_crashed(error)
            if "net::ERR_" in error.message:
                raise StreamFault(f"could not {what}: {error.message.splitlines()[0]}") from None
            raise

    def _unless_crashed(self, error: sync_api.Error) -> None:
        if self._crashed or "crashed" in error.message:
            raise BrowserError("lost a page: its renderer crashed") from error

    def _told(self) -> str:
        return f"; the console said {self.said[-5:]}" if self.said else ""

    def go(self, url: str) -> Self:
        """Go to a page and wait until it has loaded."""
        self._blank = ""
        self.do(f"load {url}", lambda: self._page.goto(url, timeout=WITHIN_S * 1000, wait_until="load"))
        return self

    def blank(self, origin: str) -> Self:
        """Be on a page of this origin that does nothing by itself; a case may find the one before it there."""
        if self._blank != origin:
            self.go(f"{origin}/json/about")
            self._blank = origin
        return self

    def back(self) -> None:
        """Go back to the page before, as the button does."""
        self._blank = ""
        self.do("go back", lambda: self._page.go_back(timeout=WITHIN_S * 1000, wait_until="commit"))

    def ask(self, function: str, argument: Any = None) -> Any:
        """Call a function of JavaScript in the page with one argument; give what it returns."""
        return self.do("call a function of the page", lambda: self._page.evaluate(function, argument))

    def until(self, function: str, argument: Any, expected: str, seen: Callable[[], Any]) -> None:
        """Wait until a function of JavaScript gives something true; else say what was expected and what is there."""
        try:
            with self._chromium.answering(f"show {expected}"):
                self._page.wait_for_function(function, arg=argument, timeout=WITHIN_S * 1000, polling=20)
        except sync_api.Error as error:
            self._unless_crashed(error)
            if not isinstance(error, sync_api.TimeoutError):
                raise
            told = f"received {seen()} in {WITHIN_S:g} s, expected {expected}{self._told()}"
            raise StreamTimeout(told) from None

    def text(self, selector: str) -> str:
        """Give the text of the first element that fits."""
        locator = self._page.locator(selector).first
        return str(self.do(f"read {selector}", lambda: locator.text_content(timeout=WITHIN_S * 1000)))

    def texts(self, selector: str) -> list[str]:
        """Give the text of every element that fits."""
        return list(self.do(f"read {selector}", self._page.locator(selector).all_text_contents))

    def count(self, selector: str) -> int:
        """Count the elements that fit."""
        return int(self.do(f"count {selector}", self._page.locator(selector).count))

    def click(self, selector: str) -> None:
        """Click an element as a mouse does."""
        self.do(f"click {selector}", lambda: self._page.locator(selector).click(timeout=WITHIN_S * 1000))

    def fill(self, selector: str, text: str) -> None:
        """Write text into a field."""
        self.do(f"fill {selector}", lambda: self._page.locator(selector).fill(text, timeout=WITHIN_S * 1000))

    def cookie(self, origin: str, name: str, value: str) -> None:
        """Keep a cookie of that origin's host."""
        cookie: Any = {"name": name, "value": value, "url": origin}
        self.do("keep a cookie", lambda: self._context.add_cookies([cookie]))

    def listen(self, url: str, types: Sequence[str] = (), credentials: bool = False) -> Source:
        """Open an EventSource in the page."""
        self._names += 1
        return Source(self, f"source-{self._names}", url, types, credentials)

    def read(self, url: str, json: Mapping[str, Any] | None = None, **init: Any) -> Reading:
        """Read a stream by fetch in the page; with `json` it is the answer to a POST."""
        self._names += 1
        return Reading(self, f"read-{self._names}", url, json, init)

    def leave(self) -> None:
        """End all its connections and forget: another case may have it."""
        if self._blank and not self._crashed:
            self.ask("() => globalThis.sseproof?.end()")
        else:
            self.go("about:blank")
        self.do("forget its cookies", self._context.clear_cookies)
        self.said.clear()
        self.asked.clear()

    def drop(self) -> None:
        """Close it, whatever state it is in."""
        with contextlib.suppress(BrowserError, sync_api.Error):
            self.close()

    def close(self) -> None:
        """Close the page and its profile; once is enough."""
        with self._chromium.answering("close a page"):
            self._context.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop() if error else self.close()


def within(condition: Callable[[], Any], expected: str, within_s: float = WITHIN_S) -> Any:
    """Wait until a condition gives something true; give it, or say what it gave last."""
    deadline_s = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > deadline_s:
            raise StreamTimeout(f"received {found!r} for {within_s:g} s, expected {expected}")
        time.sleep(0.02)
    return found
