"""nginx as a process: started from a configuration of our own, with a port for each setting.

All of it is in a temporary folder and on loopback, so that neither root nor the machine's own nginx is needed. Rule of
the file: whatever goes wrong is a LaunchError with nginx's own words.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import psutil

from sseproof import probe
from sseproof.doors import DOORS
from sseproof.environment import LaunchError, copied_environ
from sseproof.leashed import Leashed, free_ports

if TYPE_CHECKING:  # what is imported where it is needed takes packages that a benchmark does without
    import ssl

    from sseproof import http2

START_S = 10.0
TRIES = 3  # with new ports, when somebody else took one between our look and nginx's
READ_TIMEOUT_S = 2
# What a `location` holds besides proxy_pass.
KEEPALIVE = 'proxy_http_version 1.1; proxy_set_header Connection "";'
SETTINGS = {
    "defaults": "",
    "keepalive": KEEPALIVE,
    "ignored": "proxy_ignore_headers X-Accel-Buffering;",
    "ignored-keepalive": f"{KEEPALIVE} proxy_ignore_headers X-Accel-Buffering;",
    "gzip": f"{KEEPALIVE} gzip on; gzip_types text/event-stream;",
    "timeout": f"{KEEPALIVE} proxy_read_timeout {READ_TIMEOUT_S}s;",
    "http2": KEEPALIVE,
}
TLS = ("http2",)
# What a benchmark goes through: HTTP/1.1 to a server whose connections are kept, and WebSockets upgraded.
BENCHED = {
    "bench": "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $asked;"
}
_CONFIGURATION = """\
daemon off; master_process off; pid nginx.pid; error_log stderr warn;
events {{ worker_connections {connections}; }}
http {{
  access_log off; types {{ }} default_type text/plain;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  map $http_upgrade $asked {{ default upgrade; "" ""; }}
  upstream judged {{ server {upstream}; keepalive 16; }}
{servers}}}
"""
_SERVER = "  server {{ listen 127.0.0.1:{port}{tls}; location / {{ proxy_pass http://{to}; {more} }} }}\n"
_TLS = " ssl http2; ssl_certificate cert.pem; ssl_certificate_key key.pem"


class Nginx:
    """nginx before one address, with a port for each of `settings`; leaving the context stops it.

    `start` after `stop` takes the same ports again. Raises LaunchError when it does not start.
    """

    def __init__(
        self,
        upstream: tuple[str, int],
        settings: dict[str, str] | None = None,
        *,
        connections: int = 1024,
        cores: Collection[int] = (),
    ) -> None:
        self.settings = SETTINGS if settings is None else settings
        self._upstream, self._connections, self._cores = upstream, connections, cores
        self._folder = tempfile.TemporaryDirectory(prefix="sseproof-nginx-")
        self._process: Leashed | None = None
        self._stopped = False
        self.ports: dict[str, int] = {}
        try:
            self._begin()
        except BaseException:  # Ctrl-C too
            self.close()
            raise

    def _begin(self) -> None:
        if set(TLS) & set(self.settings):
            from sseproof import tls

            tls.certify(Path(self._folder.name), "127.0.0.1")
        for left in reversed(range(TRIES)):
            self.ports = dict(zip(self.settings, free_ports(len(self.settings)), strict=True))
            try:
                return self.start()
            except LaunchError as error:
                if not left or "Address already in use" not in error.words:
                    raise

    def lost(self, grace_s: float = 0.0) -> bool:
        """Tell whether it has ended, or does so in that time, though nobody stopped it."""
        if self._stopped or self._process is None:
            return False
        try:
            over = psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            over = True
        return self._process.wait(START_S if over else grace_s)  # the leash tells a moment later

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it and wait until it listens: it writes its pid when it has bound every port."""
        self.stop()
        folder = Path(self._folder.name)
        (folder / "nginx.conf").write_text(self._configuration(), encoding="ascii")
        (folder / "nginx.pid").unlink(missing_ok=True)
        command = [DOORS["proxy"].program(), "-p", str(folder), "-e", "stderr", "-c", "nginx.conf"]
        self._process = process = Leashed(
            "nginx", command, environ=copied_environ(), cores=self._cores, folder=folder
        )
        self._stopped = False
        deadline_s = time.monotonic() + START_S
        while not _holds_text(folder / "nginx.pid"):
            if process.wait(0.005):
                self.stop()
                raise LaunchError(
                    "nginx", f"ended with exit code {process.code} at its start", words=process.last_words()
                )
            if time.monotonic() > deadline_s:
                self.stop()
                raise LaunchError("nginx", f"does not listen after {START_S:g} s", words=process.last_words())

    def stop(self) -> None:
        """End it with all its streams; `start` begins anew."""
        self._stopped = True
        if self._process is not None:
            self._process.stop()

    def close(self) -> None:
        self.stop()
        self._folder.cleanup()

    def died(self, within: str = "case") -> LaunchError:
        """Give the error that says so."""
        assert self._process is not None
        code, words = self._process.code, self._process.last_words()
        return LaunchError("nginx", f"ended (exit code {code}) in the middle of the {within}", words=words)

    def dial(self, setting: str) -> Callable[..., Any]:
        """Give what connects through the port of a setting: `probe.connect`, or its like of HTTP/2."""
        port = self.ports[setting]
        if setting not in TLS:
            return functools.partial(probe.connect, "127.0.0.1", port)
        from sseproof import http2_stream

        return functools.partial(http2_stream.dial, "127.0.0.1", port, trusting=self.trusting())

    def connection(self, setting: str) -> http2.Connection:
        """Open a connection of HTTP/2 for many streams; the caller closes it."""
        from sseproof import http2

        return http2.Connection("127.0.0.1", self.ports[setting], self.trusting())

    def trusting(self) -> ssl.SSLContext:
        """Give a client's side of TLS that trusts this nginx's certificate and no other."""
        from sseproof import tls

        return tls.trusting(Path(self._folder.name))

    def _configuration(self) -> str:
        host, port = self._upstream
        upstream = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        # A request of HTTP/1.0 does not go by `judged`: nginx would keep the connection of a server that answers in
        # HTTP/1.1 without "Connection: close", closes all the same, and so spoils the next request with a 502.
        servers = "".join(
            _SERVER.format(
                port=self.ports[name],
                tls=_TLS if name in TLS else "",
                to="judged" if "proxy_http_version 1.1" in more else upstream,
                more=more,
            )
            for name, more in self.settings.items()
        )
        return _CONFIGURATION.format(upstream=upstream, servers=servers, connections=self._connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _holds_text(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
