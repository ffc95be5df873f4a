"""One Chromium, headless, on a leash, driven by Playwright: started when it is first needed, and again after a crash.

Strategy: the leash starts it, so that its words are kept and nothing of it outlives us however we end; Playwright is
then connected to the port it prints. It has a folder of its own for all it writes, and no way to any other machine.
Rule of the file: what is wrong with the browser is a BrowserError with the browser's own last words, within a limit,
and never the server's fault.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright import sync_api

from sseproof.environment import LaunchError
from sseproof.leashed import Leashed

START_S = 30.0
ANSWER_S = 60.0  # no case waits for anything as long as this: a browser that does not answer by then hangs
DEATH_S = 1.0  # from a broken connection to the end of the process
MOST_CRASHES = 5
_LISTENS = re.compile(r"^DevTools listening on (ws://127\.0\.0\.1:\d+/\S+)\s*$", re.MULTILINE)
_NOISE = re.compile(
    r"^.*(dbus/|unexpected operator).*\n?", re.MULTILINE
)  # what Debian's prints on every start
_FLAGS = [
    "--headless",
    "--no-sandbox",  # it sees nothing but our own servers, and would not start as root
    "--remote-debugging-port=0",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--password-store=basic",
    # Several pages are looked at in turn: none may be slowed down because it is not in front.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]


class BrowserError(Exception):
    """Say what the browser did that no case can be judged by, and what it printed last."""

    def __init__(self, happened: str, words: str = "") -> None:
        quoted = "".join(f"\n    {line}" for line in words.splitlines())
        super().__init__(f"Chromium {happened}; it printed " + (f"last:{quoted}" if words else "nothing"))


class Chromium:
    """A browser of one process of ours; `context` gives a fresh profile in it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._playwright: sync_api.Playwright | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: Leashed | None = None
        self._browser: sync_api.Browser | None = None
        self._failure: str = ""
        self._crashes = 0

    @property
    def version(self) -> str:
        """Give the version it says it has."""
        return str(self.browser.version)

    @property
    def browser(self) -> sync_api.Browser:
        """Give the browser, up and connected. What did not start once is not tried again. Raises BrowserError."""
        if self._failure:
            raise BrowserError(self._failure, self.last_words())
        if self._browser is None or not self._browser.is_connected() or not self._alive:
            self._crashes += self._browser is not None
            if self._crashes >= MOST_CRASHES:
                self._failure = f"has crashed {self._crashes} times and is not started again"
                raise BrowserError(self._failure, self.last_words())
            self._end_browser()
            try:
                self._browser = self._started()
            except BrowserError:
                raise
            except (sync_api.Error, OSError, LaunchError) as error:
                self._failure = f"cannot be driven: {error}"
                raise BrowserError(self._failure, self.last_words()) from None
        return self._browser

    @property
    def _alive(self) -> bool:
        return self._process is not None and self._process.alive

    def context(self, **options: Any) -> sync_api.BrowserContext:
        """Give a profile of its own: no cookies, no cache, no connections. Raises BrowserError."""
        browser = self.browser
        with self.answering("open a profile"):
            return browser.new_context(**options)

    @contextlib.contextmanager
    def answering(self, what: str, within_s: float = ANSWER_S) -> Iterator[None]:
        """Bound what is asked of the browser; make a BrowserError of what it did not survive.

        Playwright's own errors pass while the browser lives: they are about the page.
        """
        hung = threading.Event()

        def give_up() -> None:
            hung.set()
            if self._process is not None:
                self._process.send_signal(signal.SIGKILL)  # which breaks the connection that is waited on

        timer = threading.Timer(within_s, give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        except sync_api.Error:
            if hung.is_set():
                raise self._crashed(f"did not {what} within {within_s:g} s") from None
            broken = self._browser is None or not self._browser.is_connected()
            if broken or not self._alive or self._process is None or self._process.wait(0.05):
                raise self._crashed(f"ended in the middle of a case, when it had to {what}") from None
            raise
        finally:
            timer.cancel()

    def _crashed(self, happened: str) -> BrowserError:
        if self._process is not None and self._process.wait(DEATH_S):
            happened += f" (exit code {self._process.code})"
        return BrowserError(happened, self.last_words())

    def last_words(self) -> str:
        """Give the last lines it printed, without what it prints on every start."""
        printed = "" if self._process is None else self._process.last_words(200)
        return "\n".join(_NOISE.sub("", printed + "\n").splitlines()[-12:])

    def _started(self) -> sync_api.Browser:
        self._folder = tempfile.TemporaryDirectory(prefix="sseproof-chromium-", ignore_cleanup_errors=True)
        folder = self._folder.name
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": folder,
            "TMPDIR": folder,
            "LANG": "C.UTF-8",
        }
        command = [self.path, *_FLAGS, f"--user-data-dir={folder}/profile", "about:blank"]
        self._process = process = Leashed("chromium", command, environ=environ, folder=Path(folder))
        deadline_s = time.monotonic() + START_S
        while not (listens := _LISTENS.search(process.printed_so_far())) and not process.wait(0.01):
            if time.monotonic() > deadline_s:
                self._failure = f"({self.path}) has not said where it listens after {START_S:g} s"
                raise BrowserError(self._failure, self.last_words())
        if not listens:
            self._failure = f"({self.path}) ended with exit code {process.code} before it listened"
            raise BrowserError(self._failure, self.last_words())
        if self._playwright is None:
            self._playwright = sync_api.sync_playwright().start()
        with self.answering("take a connection"):
            return self._playwright.chromium.connect_over_cdp(listens[1], timeout=START_S * 1000)

    def _end_browser(self) -> None:
        self._browser = None
        if self._process is not None:
            self._process.kill()  # its profile is thrown away: there is nothing to write
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def close(self) -> None:
        """End it with all it has started, and Playwright."""
        self._end_browser()
        if self._playwright is not None:
            with contextlib.suppress(sync_api.Error):
                self._playwright.stop()
            self._playwright = None
