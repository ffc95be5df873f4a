"""What a server's processes take while they are measured: CPU, memory, files, threads, kernel memory of sockets.

A thread looks at the whole process tree four times a second and keeps plain samples; what was taken within a window
is read from them afterwards, CPU by interpolation between the two samples around each end. Rule of the file: looking
must cost next to nothing, so the costly look (`smaps_rollup`, for which the kernel walks page tables) is taken once a
second, and everything else is a few small files of /proc.

PSS counts shared pages by their share; CPU seconds come in the kernel's ticks of 10 ms a process. The sockets' memory
is /proc/net/sockstat's: of all TCP sockets of this network namespace, both ends of each connection.
"""

from __future__ import annotations

import contextlib
import os
import resource
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

EVERY_S = 0.25
MEMORY_EVERY = 4  # samples
SETTLE_S = 3.0  # for a server to close what its clients have closed
STILL_S = 1.0  # without any change: what is left then waits for its next event, as a thread does


@dataclass(frozen=True)
class Sample:
    """One look at a tree. `at_ns` is Unix time; memory is None where it was not looked at."""

    at_ns: int
    cpu_s: float
    fds: int
    threads: int
    processes: int
    tcp_bytes: int
    pss_bytes: int | None = None
    anonymous_bytes: int | None = None


def look(pid: int, memory: bool = True) -> Sample:
    """Look at a process and all it has started; one that ends meanwhile counts as far as it was seen."""
    cpu_s, fds, threads, processes = 0.0, 0, 0, 0
    pss_bytes = anonymous_bytes = 0
    for process in tree(pid):
        with contextlib.suppress(psutil.Error, OSError):
            with process.oneshot():
                times = process.cpu_times()
                threads += process.num_threads()
            # What its ended children took is in the parent's: a worker that is replaced is not forgotten.
            cpu_s += times.user + times.system + times.children_user + times.children_system
            fds += len(os.listdir(f"/proc/{process.pid}/fd"))
            processes += 1
            if memory:
                rollup = _rollup(process.pid)
                pss_bytes += rollup["Pss"]
                anonymous_bytes += rollup.get("Pss_Anon", 0)
    seen = (pss_bytes, anonymous_bytes) if memory else (None, None)
    return Sample(time.time_ns(), cpu_s, fds, threads, processes, _tcp_bytes(), *seen)


def settle(pid: int, port: int, within_s: float = SETTLE_S) -> int:
    """Wait until a tree holds no connection on its port any more, or always the same; return how many are left.

    A server hears of a client's farewell only when its loop comes round. Until it has closed its side, such a
    connection has a file descriptor and buffers, which would make the idle server larger than it is.
    """
    began_s = changed_s = time.monotonic()
    left = connections(pid, port)
    while left and time.monotonic() < min(began_s + within_s, changed_s + STILL_S):
        time.sleep(0.02)
        before, left = left, connections(pid, port)
        if left != before:
            changed_s = time.monotonic()
    return left


def connections(pid: int, port: int) -> int:
    """Count the connections on a port that some process of a tree still holds, closed by the other side or not."""
    held = set()  # by both ends, for forked processes share them
    for process in tree(pid):
        with contextlib.suppress(psutil.Error, OSError):
            for each in process.net_connections("tcp"):
                if each.laddr and each.laddr.port == port and each.raddr:
                    held.add((each.laddr, each.raddr))
    return len(held)


def tree(pid: int) -> list[psutil.Process]:
    """List a process and its descendants, without those that have just ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _rollup(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}


def _tcp_bytes() -> int:
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            words = line.split()
            return int(words[words.index("mem") + 1]) * resource.getpagesize()
    return 0


class Sampler:
    """Look at a tree in a thread for as long as the context lasts; `samples` is what was seen, oldest first."""

    def __init__(self, pid: int) -> None:
        self.samples: list[Sample] = []
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        number = 0
        while not self._over.wait(EVERY_S if number else 0):
            self.samples.append(look(self._pid, memory=number % MEMORY_EVERY == 0))
            number += 1

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        # Behind the end of a window that nothing follows (no drain): its CPU is read between two samples around each end.
        self.samples.append(look(self._pid, memory=False))


def within(samples: Sequence[Sample], from_ns: int, until_ns: int, before: Sample) -> dict[str, Any]:
    """Sum up what was taken in a window; `before` is a look at the idle server, before its first client.

    Memory's growth is that of the anonymous part: pages shared with other processes are no stream's doing. What the
    samples do not cover is None.
    """
    inside = [sample for sample in samples if from_ns <= sample.at_ns <= until_ns]
    memory = [sample for sample in inside if sample.pss_bytes is not None]
    cpu_s = _cpu_at(samples, until_ns, from_ns)
    if cpu_s is None or not inside:
        return {"cpu_s": None, "samples": len(inside)}
    grown = [(sample.anonymous_bytes or 0) - (before.anonymous_bytes or 0) for sample in memory]
    return {
        "samples": len(inside),
        "cpu_s": round(cpu_s, 4),
        "cpu_share": round(cpu_s / ((until_ns - from_ns) / 1e9), 4),
        "fds": max(sample.fds for sample in inside),
        "threads": max(sample.threads for sample in inside),
        "processes": max(sample.processes for sample in inside),
        "tcp_bytes": max(sample.tcp_bytes for sample in inside),
        "pss_bytes": max((sample.pss_bytes or 0 for sample in memory), default=None),
        "pss_before_bytes": before.pss_bytes,
        "grown_bytes": max(grown, default=None),
        "tcp_grown_bytes": max(sample.tcp_bytes for sample in inside) - before.tcp_bytes,
        "fds_before": before.fds,
    }


def _cpu_at(samples: Sequence[Sample], until_ns: int, from_ns: int) -> float | None:
    """Give the CPU seconds between two moments, None when the samples do not reach around both."""
    ends = []
    for moment_ns in (from_ns, until_ns):
        earlier = [sample for sample in samples if sample.at_ns <= moment_ns]
        later = [sample for sample in samples if sample.at_ns >= moment_ns]
        if not earlier or not later:
            return None
        one, two = earlier[-1], later[0]
        share = (moment_ns - one.at_ns) / ((two.at_ns - one.at_ns) or 1)
        ends.append(one.cpu_s + share * (two.cpu_s - one.cpu_s))
    return ends[1] - ends[0]
