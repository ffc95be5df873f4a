"""A command on a leash, seen by who holds it: started, watched, ended with all it has started.

The leash itself is a process (leash.py), so that the command ends however its holder ends. Rule of the file: whatever
is asked of a command has a limit, and after `stop` or `kill` nothing of it is left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from sseproof.environment import last_lines

_LEASH = Path(__file__).with_name("leash.py")
_KEPT_BYTES = 64 * 1024


def free_ports(count: int) -> list[int]:
    """Give ports of 127.0.0.1 that nobody has just now, each another, for a command that must be told one.

    Somebody else may be quicker than the command: it is started again with others then.
    """
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


def _started(command: Sequence[str], log: IO[bytes], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the leash; tried again when the kernel had no memory for it just then, which it also calls EFAULT."""
    left = 3
    while True:
        left -= 1
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environ,
                start_new_session=True,  # a Ctrl-C at the terminal is ours to handle
                bufsize=0,
            )
        except OSError as error:
            if not left or error.errno not in {errno.EFAULT, errno.EAGAIN, errno.ENOMEM}:
                log.close()
                raise
            time.sleep(0.5)


class Leashed:
    """A command and its process group. Leaving the context stops them; `name` is what messages call it.

    `folder` is the holder's to remove; where the holder has no time to, because it is killed, the leash does.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        cores: Collection[int] = (),
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.code: int | None = None  # its exit code, once it has ended; a signal is negative
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the leash)
        given = [f"--cores={','.join(map(str, sorted(cores)))}"] if cores else []
        given += [f"--folder={folder}"] if folder else []
        self._leash = _started(
            [sys.executable, "-I", "-S", str(_LEASH), *given, *command], self._log, environ
        )
        self.pid = 0  # which leads the command's process group
        self._words: str | None = None  # what the log held when it was closed
        self._closed_bytes = 0
        self._asked = self._kept = 0  # how often for the log to be complete, and how often it was
        self._listen(10.0)

    @property
    def alive(self) -> bool:
        """Tell whether the command's main process is still there."""
        return not self.wait(0)

    def wait(self, within_s: float) -> bool:
        """Wait until the command has ended, with all it had started; False when it has not in that time."""
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
            what, _, number = line.partition(" ")
            if what == "pid":
                self.pid = int(number)
            elif what == "kept":
                self._kept += 1
            else:  # a shell or uv says 128 + n for what signal n ended
                self.code = int(number) if int(number) <= 128 else 128 - int(number)
        if not news:  # the leash itself was killed: what it held must not stay
            self.code = -signal.SIGKILL
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid or self._leash.pid, signal.SIGKILL)
        return True

    def _keep_up(self, within_s: float = 1.0) -> None:
        """Have the log hold all that was printed before now: what a server prints before it answers, for one."""
        self._asked += 1
        self.send_signal(0)
        deadline_s = time.monotonic() + within_s
        while self.code is None and self._kept < self._asked and time.monotonic() < deadline_s:
            self._listen(deadline_s - time.monotonic())

    @property
    def printed_bytes(self) -> int:
        """Tell how much it has printed, as a place for `printed` to begin at."""
        self._keep_up()
        return self._closed_bytes if self._log.closed else os.fstat(self._log.fileno()).st_size

    def printed(self, since_bytes: int = 0) -> str:
        """Return what it has printed, stdout and stderr as they came: the last 64 KiB of what came since."""
        self._keep_up()
        return self.printed_so_far(since_bytes)

    def printed_so_far(self, since_bytes: int = 0) -> str:
        """Return what the log holds of that already, for who asks again and again: the leash is left in peace."""
        if self._words is not None:
            return self._words
        size = os.fstat(self._log.fileno()).st_size
        start = max(since_bytes, size - _KEPT_BYTES)
        kept = os.pread(self._log.fileno(), max(0, size - start), start)
        return kept.decode("utf-8", "backslashreplace")

    def last_words(self, lines: int = 15) -> str:
        """Return the last lines it has printed, safe to show."""
        return last_lines(self.printed(), lines)

    def stop(self, within_s: float = 5.0) -> int:
        """Send SIGTERM, after `within_s` SIGKILL to the whole group; return the exit code.

        SIGTERM goes to the command alone, for uv forwards it: so a server sees it once. Nothing of the group is left after.
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

    def send_signal(self, number: int) -> None:
        """Send it a signal and go on; `wait` tells when it has ended. 0 is an order to the leash (leash.py)."""
        if self.code is None and self._leash.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._leash.stdin.write(b"%d\n" % number)

    def _close(self) -> None:
        """Let go of the leash, which ends it and, were there still one, the command."""
        if self._words is None:
            self._closed_bytes = self.printed_bytes
            self._words = self.printed()
            self._log.close()
        for pipe in (self._leash.stdin, self._leash.stdout):
            if pipe is not None:
                pipe.close()
        self._leash.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
