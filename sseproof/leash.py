"""Hold a command on a leash: when whoever holds the other end goes away, the command ends.

Run by path as a process of its own (``python leash.py [--cores=0,1] [--folder=PATH] COMMAND...``), by leashed.py only.
It starts the command in a new process group, on those cores if any are named, and then reads orders from stdin, one signal number a
line, where 0 asks for ``kept``. A pipe is closed by the kernel however its owner ends, by ``kill -9`` too, so the end of stdin means: nobody
wants this command any more, nor the folder it was given for what it writes, which is removed then. On stdout it reports ``pid N`` at the start and ``exit N`` (as `subprocess` counts: a signal is negative)
once the command and all it has started are gone, and ``kept`` once all it had printed before the asking is in the log.

Rule of this file: the standard library only, and never anything that could fail for want of a parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

GRACE_S = 3.0  # from SIGTERM to SIGKILL when the parent has gone: what a server may take to end its streams
BURIAL_S = 2.0
LOG_BYTES = 16 * 2**20  # of what it prints; then the log begins anew with the end of what was there
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h: orphans of the command become our children, not init's


def main(command: list[str]) -> None:
    """Start the command, obey until it ends, and leave nothing of it behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if command[0].startswith("--cores="):  # before the command starts, so that all it starts inherits them
        os.sched_setaffinity(0, map(int, command.pop(0).removeprefix("--cores=").split(",")))
    folder = command.pop(0).removeprefix("--folder=") if command[0].startswith("--folder=") else ""
    # What the command prints goes to our stderr, a file: our stdin and stdout belong to the orders and reports.
    printed, printing = os.pipe()
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=printing, stderr=printing, process_group=0
    )
    os.close(printing)
    report(f"pid {child.pid}")
    abandoned, log = threading.Event(), Log(printed)
    threading.Thread(target=obey, args=(child, abandoned, log), daemon=True).start()
    keeper = threading.Thread(target=log.keep, daemon=True)
    keeper.start()
    code = child.wait()
    kill_group(child.pid)
    bury()
    keeper.join(BURIAL_S)  # until its last words are written
    if folder and abandoned.is_set():
        import shutil  # 10 ms that no other command has to wait for

        shutil.rmtree(folder, ignore_errors=True)
    report(f"exit {code}")
    os._exit(0)  # the thread may still be reading


def obey(child: subprocess.Popen[bytes], abandoned: threading.Event, log: Log) -> None:
    """Pass on each signal asked for: SIGKILL to the whole group, another to the command alone; for 0, keep the log.

    The command alone, because `uv run` forwards what it gets: a signal to the group would reach the server
    twice, and a second SIGTERM means "at once" to some HTTP servers.
    """
    while orders := os.read(0, 4096):
        for number in map(int, orders.split()):
            if number == 0:
                log.take()
                report("kept")
            elif number == signal.SIGKILL:
                kill_group(child.pid)
            else:
                child.send_signal(number)
    abandoned.set()
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_S)
    kill_group(child.pid)


class Log:
    """What the command prints, written down; of a flood the end only: it must not fill the disk."""

    def __init__(self, printed: int) -> None:
        self.printed = printed  # the end of the pipe that is read
        self.size = 0
        self.lock = threading.Lock()

    def keep(self) -> None:
        """Take all that comes, until the last who could print is gone."""
        while self.take():
            select.select([self.printed], [], [])

    def take(self) -> bool:
        """Take what is in the pipe, at most what a pipe holds; False at its end."""
        with self.lock:
            if not select.select([self.printed], [], [], 0)[0]:
                return True
            if not (data := os.read(self.printed, 2**16)):
                return False
            if self.size > LOG_BYTES:
                end = os.pread(2, 2**16, self.size - 2**16)
                os.ftruncate(2, 0)
                os.lseek(2, 0, os.SEEK_SET)
                self.size = os.write(2, end)
            self.size += os.write(2, data)
            return True


def kill_group(group: int) -> None:
    """Send SIGKILL to every process of the group, if there is any."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def bury() -> None:
    """Wait for what the command left behind; kill what has made a session of its own to escape the group."""
    deadline = time.monotonic() + BURIAL_S
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            for pid in children.read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        try:
            buried, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if buried == 0:
            time.sleep(0.005)


def report(line: str) -> None:
    """Tell the launcher, if it is still there."""
    with contextlib.suppress(OSError):
        os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1:])
