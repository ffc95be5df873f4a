"""Start a server, wait until it answers, stop it and everything it has started.

Strategy: `prepare` lets uv build the script's environment as of one day (downloads are no start-up time), then
`uv run --script` starts it on a leash (leash.py), so that no server outlives its launcher, however that ends.
A server is up when it has printed its URL and GET /json/about answers 200 with a JSON object. Whatever it
prints goes to an unnamed temporary file and is what an error quotes.

It has more lines than most because half of them are sentences: each way not to come up has its own, with a way out.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

import psutil

from sseproof import probe
from sseproof.environment import PREPARE_S, ROOT, LaunchError, last_lines, prepare, uv_bin, uv_environ
from sseproof.transcript import printable

SERVERS = ROOT / "servers"
_LEASH = Path(__file__).with_name("leash.py")
_URL = re.compile(r"^http://(?P<host>[\w.]+|\[[\w:.]+\]):(?P<port>\d+)/?\r?\n", re.MULTILINE)
_KEPT_BYTES = 64 * 1024

__all__ = ["LaunchError", "Server", "UnknownServer", "begin", "find", "launch"]


class UnknownServer(LaunchError):
    """Say that there is no server of that name, and which names are near."""


def find(names: Sequence[str] = (), folder: Path = SERVERS) -> list[Path]:
    """Return the server files of these names or paths, each once; all of the folder's when none is given."""
    known = {path.stem: path for path in sorted(folder.glob("*_*.py"))}
    if not names:
        if not known:
            raise UnknownServer(str(folder), "holds no server (framework_server.py)")
        return list(known.values())
    return list(dict.fromkeys(_find(name, known) for name in names))


def _find(name: str, known: dict[str, Path]) -> Path:
    path = Path(name)
    if path.suffix == ".py" and path.is_file():
        return path.resolve()
    if path.stem in known and path.name in {path.stem, f"{path.stem}.py"} and path.parent == Path():
        return known[path.stem]
    near = [stem for stem in known if path.stem.lower() in stem]
    near += difflib.get_close_matches(path.stem.lower(), set(known) - set(near), n=3)
    what = "is no file" if path.suffix == ".py" or path.name != name else "is no server"
    choice = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known) or 'none'}"
    raise UnknownServer(name, what, hint=choice)


def launch(script: Path, *options: str, with_: Sequence[str] = (), within_s: float = 30) -> Server:
    """Start a server file on a free port and return it once it answers; options are its command line's.

    `with_` are requirements that replace its own ("fastapi==0.135.4"). The limit counts from the moment uv has
    started Python: what uv has to download first is not the server's time. Raises LaunchError.
    """
    prepare(script)
    extra = [part for requirement in with_ for part in ("--with", requirement)]
    server = Server(script, [*extra, "--script", str(script), "--port", "0", *options])
    try:
        _wait_until_up(server, within_s)
    except BaseException:  # Ctrl-C too
        server.kill()
        raise
    return server


def begin(script: Path, *options: str, with_: Sequence[str] = ()) -> Future[Server]:
    """Launch a server in the background; the future gives it, or raises what `launch` raises.

    Its thread ends with this process, and the leash then ends the server.
    """
    future: Future[Server] = Future()

    def run() -> None:
        try:
            future.set_result(launch(script, *options, with_=with_))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


class Server:
    """A server's processes: a leash, uv, Python and whatever that starts. Leaving the context stops them.

    `host`, `port` and `about` (the answer of /json/about) are filled in by `launch`.
    """

    def __init__(self, script: Path, arguments: Sequence[str]) -> None:
        self.script = script
        self.name = script.stem
        self.host = "127.0.0.1"
        self.port = 0
        self.about: dict[str, Any] = {}
        self.code: int | None = None  # its exit code, once it has ended; a signal is negative
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the leash)
        command = [sys.executable, "-I", "-S", str(_LEASH), uv_bin(self.name), "run", "--quiet", *arguments]
        self._leash = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=uv_environ(),
            start_new_session=True,  # a Ctrl-C at the terminal is ours to handle
            bufsize=0,
        )
        self.pid = 0  # of `uv run`, which leads the server's process group; `about` has Python's
        self._words: str | None = None  # what the log held when it was closed
        self._closed_bytes = 0
        self._listen(10.0)

    @property
    def alive(self) -> bool:
        """Tell whether the server's main process is still there."""
        return not self.wait(0)

    def wait(self, within_s: float) -> bool:
        """Wait until the server has ended, with all it had started; False when it has not in that time."""
        deadline_s = time.monotonic() + within_s
        while self.code is None and self._listen(deadline_s - time.monotonic()):
            pass
        return self.code is not None

    def _listen(self, wait_s: float) -> bool:
        """Take the leash's next report; False when none came in time."""
        pipe = self._leash.stdout
        if self.code is not None or pipe is None:
            return False
        if not select.select([pipe], [], [], max(0.0, wait_s))[0]:
            return False
        news = os.read(pipe.fileno(), 4096)
        for line in news.decode().splitlines():
            what, number = line.split()
            if what == "pid":
                self.pid = int(number)
            else:  # uv says 128 + n for a server that signal n ended
                self.code = int(number) if int(number) <= 128 else 128 - int(number)
        if not news:  # the leash itself was killed: what it held must not stay
            self.code = -signal.SIGKILL
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid or self._leash.pid, signal.SIGKILL)
        return True

    @property
    def printed_bytes(self) -> int:
        """Tell how much it has printed, as a place for `printed` to begin at."""
        return self._closed_bytes if self._log.closed else os.fstat(self._log.fileno()).st_size

    def printed(self, since_bytes: int = 0) -> str:
        """Return what it has printed, stdout and stderr as they came: the last 64 KiB of what came since."""
        if self._words is not None:
            return self._words
        size = self.printed_bytes
        start = max(since_bytes, size - _KEPT_BYTES)
        kept = os.pread(self._log.fileno(), max(0, size - start), start)
        return kept.decode("utf-8", "backslashreplace")

    def last_words(self, lines: int = 15) -> str:
        """Return the last lines it has printed, safe to show."""
        return last_lines(self.printed(), lines)

    def stop(self, within_s: float = 5.0) -> int:
        """Send SIGTERM, after `within_s` SIGKILL to the whole group; return the exit code.

        SIGTERM goes to uv, which forwards it: so the server sees it once. Nothing of the group is left after.
        """
        self.send_signal(signal.SIGTERM)
        if not self.wait(within_s):
            self.kill()
        self._close()
        return self.code if self.code is not None else -signal.SIGKILL

    def kill(self) -> None:
        """End the whole group at once."""
        self.send_signal(signal.SIGKILL)
        if not self.wait(10.0):
            self._leash.kill()
            self.wait(1.0)
        self._close()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal and go on; `wait` tells when it has ended."""
        if self.code is None and self._leash.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._leash.stdin.write(b"%d\n" % number)

    def _close(self) -> None:
        """Let go of the leash, which ends it and, were there still one, the server."""
        if self._words is None:
            self._closed_bytes = self.printed_bytes
            self._words = self.printed()
            self._log.close()
        for pipe in (self._leash.stdin, self._leash.stdout):
            if pipe is not None:
                pipe.close()
        self._leash.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _wait_until_up(server: Server, within_s: float) -> None:
    """Fill in the server's address and `about`, or raise the LaunchError that fits."""
    deadline_s = time.monotonic() + PREPARE_S
    while not server.wait(0.01) and not _python_started(server) and time.monotonic() < deadline_s:
        pass
    deadline_s = time.monotonic() + within_s
    seen = f"has not printed its URL (the first line on stdout) after {within_s:g} s"
    while time.monotonic() < deadline_s and not server.wait(0.01):
        url = _URL.search(server.printed())
        if not url:
            continue
        server.host, server.port = url["host"].strip("[]"), int(url["port"])
        try:
            server.about = _about(server, deadline_s)
            return
        except ConnectionRefusedError:
            seen = f"prints its URL but refuses connections to port {server.port} after {within_s:g} s"
        except probe.ProbeTimeout as exc:
            seen = f"accepts connections but does not answer GET /json/about: {exc}"
        except (probe.ProbeError, ValueError) as exc:
            if not server.wait(0.5):  # a crash explains a bad answer, not the other way round
                raise _failure(server, f"answers GET /json/about badly: {exc}") from None
    if server.code is not None:
        raise _why_it_ended(server)
    raise _failure(server, seen)


def _about(server: Server, deadline_s: float) -> dict[str, Any]:
    left_s = max(0.1, deadline_s - time.monotonic())
    try:
        stream = probe.connect(server.host, server.port, within_s=left_s, keep_bytes=2**20)
    except probe.ProbeError as exc:
        if isinstance(exc.__cause__, ConnectionRefusedError):
            raise exc.__cause__ from None
        raise
    with stream:
        stream.send_request("GET", "/json/about", [("Connection", "close")])
        head = stream.read_head(left_s)
        if head.status != 200:
            raise ValueError(f"status {head.status} {printable(head.reason)}, expected 200")
        body = stream.read_to_end(max(0.1, deadline_s - time.monotonic()))
    try:
        about = json.loads(body)
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise ValueError(f"no JSON object but {printable(body[:80])!r}")
    return about


_ENDS = [  # the first that matches its last words
    (r"(?i).*(address already in use|port .*(in use|taken)).*", "found its port taken"),
    (r"^error: (No solution|Failed|Request|Distribution).*", "was not started: uv failed"),
    (r"^(Syntax|Indentation|Tab)Error: .*", "has a syntax error"),
    (r"^(ModuleNotFound|Import)Error: .*", "cannot import what it needs"),
]


def _why_it_ended(server: Server) -> LaunchError:
    for pattern, happened in _ENDS:
        found = re.search(pattern, server.last_words(), re.MULTILINE)
        if found:
            return _failure(server, f"{happened} (exit code {server.code}): {found[0].strip()}")
    if server.code == 2:
        return _failure(server, "does not take its options (exit code 2)")
    return _failure(server, f"ended with exit code {server.code} before it answered")


def _failure(server: Server, happened: str) -> LaunchError:
    hint = f"by hand: uv run --script {server.script}"
    return LaunchError(server.name, happened, words=server.last_words(), hint=hint)


def _python_started(server: Server) -> bool:
    """Tell whether uv has come to the script; its other children only ask an interpreter what it is."""
    try:
        children = psutil.Process(server.pid).children() if server.pid else []
        return any(str(server.script) in child.cmdline() for child in children)
    except psutil.Error:
        return False
