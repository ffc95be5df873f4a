"""redis-server as a process on a leash: on one free port of 127.0.0.1, with all it keeps in a temporary folder.

It writes down everything before it answers (appendonly, appendfsync always), so that what it has acknowledged is there after a
stop, a kill and a start. Rule of the file: what goes wrong with it is our fault, never a server's, and is told in its own words.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from sseproof.environment import LaunchError, copied_environ
from sseproof.leashed import Leashed, free_ports

UP_S = 10.0  # it takes 0.05 s
ANSWER_S = 5.0
_CONFIG = """\
bind 127.0.0.1
port {port}
dir {folder}
appendonly yes
appendfsync always
save ""
daemonize no
logfile ""
"""


class Redis:
    """A redis-server that can be stopped and started again, on the same port and with what it kept.

    Leaving the context ends it and removes its folder. Raises LaunchError where it does not start.
    """

    def __init__(self, program: str, port: int = 0, config: str = "", *, cores: Collection[int] = ()) -> None:
        self.program, self.port, self._more, self._cores = program, port, config, cores
        self.folder = Path(tempfile.mkdtemp(prefix="sseproof-redis-"))
        self._process: Leashed | None = None
        self.stopped = True  # because we wanted it so
        try:
            self._start_somewhere()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.alive

    def lost(self) -> bool:
        """Tell whether it has died although nobody has stopped it."""
        return not self.stopped and not self.alive

    def _start_somewhere(self) -> None:
        """Start it on a free port; on another one when somebody was quicker. A port that was named stays."""
        for left in (2, 1, 0) if not self.port else (0,):
            self.port = self.port or free_ports(1)[0]
            try:
                return self.start()
            except LaunchError as failure:
                if not left or "in use" not in failure.words:
                    raise
                self.port = 0

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers; going on where it was stopped by `pause`, too."""
        if self._process is not None and self.alive:
            return self._process.send_signal(signal.SIGCONT)
        if self._process is not None:
            self._process.kill()
        config = self.folder / "redis.conf"
        config.write_text(_CONFIG.format(port=self.port, folder=self.folder) + self._more, encoding="utf-8")
        command = [self.program, str(config)]
        self._process = Leashed(
            "redis-server", command, environ=copied_environ(), cores=self._cores, folder=self.folder
        )
        deadline_s = time.monotonic() + UP_S
        while not self._process.wait(0.01):
            if self._answers():
                self.stopped = False
                return
            if time.monotonic() > deadline_s:
                raise self._failure(f"does not answer on port {self.port} after {UP_S:g} s")
        raise self._failure(f"ended with exit code {self._process.code} before it answered")

    def stop(self) -> None:
        """End it in order; what it keeps stays. No process is left after."""
        self.stopped = True
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """End it as a crash does."""
        self.stopped = True
        if self._process is not None:
            self._process.kill()

    def pause(self) -> None:
        """Have it answer nothing, on open connections, until it is started."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            deadline_s = time.monotonic() + UP_S
            while psutil.Process(self._process.pid).status() != psutil.STATUS_STOPPED:
                if time.monotonic() > deadline_s:
                    raise self._failure(f"was not paused after {UP_S:g} s")
                time.sleep(0.002)

    def ask(self, *words: str | int) -> str:
        """Send one command and give the answer as text; an array's parts are lines. Raises LaunchError for an error."""
        command = b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (str(word).encode() for word in words))
        try:
            with socket.create_connection(("127.0.0.1", self.port), ANSWER_S) as connection:
                connection.sendall(b"*%d\r\n%s" % (len(words), command))
                with connection.makefile("rb") as answer:
                    return _read(answer)
        except (OSError, ValueError) as error:
            raise self._failure(f"did not take {' '.join(map(str, words))}: {error}") from None

    def died(self, within: str = "case") -> LaunchError:
        """Give the error for a case in the middle of which it has died."""
        code = self._process.code if self._process is not None else None
        return self._failure(f"died in the middle of the {within} (exit code {code})")

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        with contextlib.suppress(LaunchError):
            return self.ask("PING") == "PONG"
        return False

    def _failure(self, happened: str) -> LaunchError:
        words = self._process.last_words() if self._process is not None else ""
        return LaunchError(
            "redis-server", happened, words=words, hint=f"SSEPROOF_REDIS names another than {self.program}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(answer: IO[bytes]) -> str:
    """Read one answer in RESP 2. Raises ValueError for one that is an error, or none at all."""
    line = answer.readline().decode().rstrip("\r\n")
    kind, rest = line[:1], line[1:]
    if kind in ("+", ":"):
        return rest
    if kind == "$":
        return "" if rest == "-1" else answer.read(int(rest) + 2)[:-2].decode()
    if kind == "*":
        return "\n".join(_read(answer) for _ in range(max(0, int(rest))))
    raise ValueError(rest or "it closed the connection")
