"""Who speaks: the framework, the encoder and the HTTP server, each with its version."""

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .service import Service


def about(service: "Service") -> dict[str, Any]:
    """Give what `/json/about` answers."""
    return {
        "name": os.path.basename(sys.argv[0]).removesuffix(".py"),
        "framework": service.framework,
        "framework_version": _version(service.framework),
        "encoder": service.encoder,
        "encoder_version": _version(service.encoder),
        "http_server": service.http_server,
        "http_server_version": _version(service.http_server),
        "python": sys.version.split()[0],
        "pid": os.getpid(),
        "capabilities": [
            name for name in ("websocket", "blocking", "http2", "workers") if getattr(service, name)
        ],
        "broker": "memory" if service.options.broker == "memory" else "redis",
        "departure_s": service.options.departure_s,
    }


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:  # "ours" has none; asyncio comes with Python
        return sys.version.split()[0] if distribution == "asyncio" else None
