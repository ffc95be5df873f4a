"""What stands between a trial's clients and its server, or behind the server: nginx, Redis, or nothing.

Each trial has a fresh one, as it has a fresh server, on the same cores: what it takes, it takes from the server's, as on a
machine of that size. Rule of the file: its CPU and memory are told apart from the server's, and its end is never a
server's fault.
"""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Any, Self

from sseproof import launch, sampling
from sseproof.doors import DOORS
from sseproof.nginx_process import BENCHED, Nginx
from sseproof.redis_process import Redis

PROGRAMS = {"nginx": DOORS["proxy"], "redis": DOORS["broker"]}
WORDS = {"nginx": "--via nginx", "redis": "--broker redis"}
NGINX_FILES = 2  # that nginx opens for each client: its connection and the server's


def version(door: str) -> str:
    """Give what a door's program says of its version. Raises pytest.UsageError, with what to do, where it is missing."""
    program = PROGRAMS[door].program(WORDS[door])
    found = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=10, check=True)
    return (found.stdout + found.stderr).strip()


class Passage:
    """The way from clients to a server through `door` ("" is none). Leaving the context ends what was started for it.

    A broker is there before its server, which gets `options`; a proxy after: `lead_to` starts it. Raises LaunchError.
    """

    def __init__(self, door: str, clients: int, cores: Collection[int] = ()) -> None:
        self.door = door
        self._clients, self._cores = clients, cores
        self._process: Nginx | Redis | None = None
        self._before: sampling.Sample | None = None
        self._sampler: sampling.Sampler | None = None
        self.origin = ""  # where clients connect

    def __enter__(self) -> Self:
        if self.door == "redis":
            self._process = Redis(PROGRAMS["redis"].program(), cores=self._cores)
        return self

    @property
    def options(self) -> tuple[str, ...]:
        """Give what the server is started with besides."""
        return ("--broker", self._process.url) if isinstance(self._process, Redis) else ()

    def lead_to(self, server: launch.Server) -> None:
        """Lead clients to a server, which is up."""
        port = server.port
        if self.door == "nginx":
            most = NGINX_FILES * self._clients + 64
            upstream = (server.host, server.port)
            self._process = Nginx(upstream, BENCHED, connections=most, cores=self._cores)
            port = self._process.ports["bench"]
        self.origin = f"http://{server.host}:{port}"

    def watched(self) -> sampling.Sampler | None:
        """Begin to look at what the door takes; the caller leaves the sampler's context. None without a door."""
        if self._process is None:
            return None
        self._before = sampling.look(self._process.pid)
        self._sampler = sampling.Sampler(self._process.pid)
        return self._sampler

    def look(self) -> None:
        """Raise LaunchError when the door has ended, though nobody stopped it."""
        if self._process is not None and self._process.lost():
            raise self._process.died("trial")

    def usage(self, from_ns: int, until_ns: int) -> dict[str, Any]:
        """Give what the door's processes took in a window, as sampling.within does; nothing without a door."""
        if self._sampler is None or self._before is None:
            return {}
        samples: Sequence[sampling.Sample] = self._sampler.samples
        return sampling.within(samples, from_ns, until_ns, self._before)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.close()
