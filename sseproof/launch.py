"""Start a server, wait until it answers, stop it and everything it has started.

Strategy: `prepare` lets uv build the script's environment as of one day (downloads are no start-up time), then
`uv run --script` starts it on a leash (leash.py), so that no server outlives its launcher, however that ends.
A server is up when it has printed its URL and GET /json/about answers 200 with a JSON object. Whatever it
prints goes to an unnamed temporary file and is what an error quotes.
"""

from __future__ import annotations

import difflib
import json
import re
import threading
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import psutil

from sseproof import probe
from sseproof.environment import PREPARE_S, ROOT, LaunchError, prepare, uv_bin, uv_environ
from sseproof.leashed import Leashed
from sseproof.transcript import printable

SERVERS = ROOT / "servers"
_URL = re.compile(r"^http://(?P<host>[\w.]+|\[[\w:.]+\]):(?P<port>\d+)/?\r?\n", re.MULTILINE)

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


def launch(
    script: Path,
    *options: str,
    with_: Sequence[str] = (),
    within_s: float = 30,
    cores: Collection[int] = (),
) -> Server:
    """Start a server file on a free port and return it once it answers; options are its command line's.

    `with_` are requirements that replace its own ("fastapi==0.135.4"). `cores` are those that it and all it starts
    may run on, any when none is named. The limit counts from the moment uv has started Python: what uv has to
    download first is not the server's time. Raises LaunchError.
    """
    prepare(script)
    # The servers' headers do not name it: in memory, where topics live unless told otherwise, nothing is needed.
    broker = ["redis"] if any(option.startswith(("redis://", "rediss://")) for option in options) else []
    extra = [part for requirement in (*with_, *broker) for part in ("--with", requirement)]
    server = Server(script, [*extra, "--script", str(script), "--port", "0", *options], cores)
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


class Server(Leashed):
    """A server's processes: a leash, uv, Python and whatever that starts. Leaving the context stops them.

    `pid` is that of `uv run`, `about` (the answer of /json/about) has Python's; it, `host` and `port` are filled in
    by `launch`.
    """

    def __init__(self, script: Path, arguments: Sequence[str], cores: Collection[int] = ()) -> None:
        command = [uv_bin(script.stem), "run", "--quiet", *arguments]
        super().__init__(script.stem, command, environ=uv_environ(), cores=cores)
        self.script = script
        self.host = "127.0.0.1"
        self.port = 0
        self.about: dict[str, Any] = {}


def _wait_until_up(server: Server, within_s: float) -> None:
    """Fill in the server's address and `about`, or raise the LaunchError that fits."""
    deadline_s = time.monotonic() + PREPARE_S
    while not server.wait(0.01) and not _python_started(server) and time.monotonic() < deadline_s:
        pass
    deadline_s = time.monotonic() + within_s
    seen = f"has not printed its URL (the first line on stdout) after {within_s:g} s"
    while time.monotonic() < deadline_s and not server.wait(0.01):
        url = _URL.search(server.printed_so_far())
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
