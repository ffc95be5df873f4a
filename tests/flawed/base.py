"""What every flaw begins with: servers/ can be imported, and `run` serves what was broken.

A flaw is a server file of its own, found by the `_` in its name. It imports this module, then the reference
(`stdlib_asyncio`) or a framework's file, breaks one thing in about ten lines and calls `base.run`. Its literal
CAUGHT_BY names the cases that must catch it, every time; MAY_TRIP what else it trips now and then.
"""

import asyncio
import sys
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "servers"))

import contract


def run(server: ModuleType) -> None:
    """Serve an imported server file: the reference, Flask on gunicorn, Quart on hypercorn, or an ASGI app on uvicorn."""
    if server.__name__ == "stdlib_asyncio":
        asyncio.run(server.main())
    elif server.__name__ == "flask_gunicorn":
        contract.serve_gunicorn(server.app, server.service, threads=server.THREADS)
    elif server.__name__ == "quart_hypercorn":
        contract.serve_hypercorn(server.app, server.service)
    else:
        contract.serve_uvicorn(server.app, server.service)


class Changed:
    """A stream whose events pass through an async generator on their way."""

    def __init__(self, stream, change):
        self.stream, self.change = stream, change

    def __aiter__(self):
        return self.change(self.stream)

    def close(self):
        self.stream.close()


class OneBehind(contract.Stream):
    """Keep each event back until the next one, or the end, is there."""

    __slots__ = ()

    async def __aiter__(self):
        held = None
        async for event in super().__aiter__():
            if held:
                yield held
            held = event
        if held:
            yield held


def one_behind(path):
    """Have the streams of this path be OneBehind."""

    def stream(self, request, right=contract.Service.stream):
        found = right(self, request)
        if request.path == path:
            found.__class__ = OneBehind
        return found

    contract.Service.stream = stream
