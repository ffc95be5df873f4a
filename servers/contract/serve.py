"""How each HTTP server is run: on our socket, and so that SIGTERM ends every stream cleanly.

All follow one order: stop accepting, tell the service to stop (each stream's generator returns, and the
framework sends the last chunk), give whoever does not read at most GRACE_S seconds, exit 0.
"""

import asyncio
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from .options import listen
from .service import Service

GRACE_S = 2


def _on_signal_do_nothing() -> None:
    """Leave the signals to the HTTP server, which raises them again at its end: then they mean nothing."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _at_first_signal(stop: Callable[[], None]) -> None:
    """Call `stop` in the running loop at the first SIGTERM or SIGINT; those that follow mean nothing.

    A loop's own handlers end with it, and a second signal would then decide about the exit status.
    """

    def handle(number: int, frame: Any) -> None:
        _on_signal_do_nothing()
        loop.call_soon_threadsafe(stop)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def serve_uvicorn(app: Any, service: Service) -> None:
    """Run an ASGI app on uvicorn."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            loop.call_soon_threadsafe(service.stop)  # uvicorn itself waits for the streams, for ever
            super().handle_exit(sig, frame)

    async def run() -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        await server.serve(sockets=[sock])

    loop: asyncio.AbstractEventLoop
    sock = listen(service.options)
    _on_signal_do_nothing()
    settings = {
        "log_level": "warning",
        "timeout_graceful_shutdown": GRACE_S,
        "ws_ping_interval": service.options.ping,
        "ws_ping_timeout": service.options.user_timeout_s,
    }
    if service.options.workers > 1:
        many = uvicorn.Config(f"{__name__}:worker", factory=True, workers=service.options.workers, **settings)
        return Multiprocess(many, sockets=[sock]).run()
    config = uvicorn.Config(app, **settings)
    server = Server(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(run())


def worker() -> Any:
    """Give a worker of uvicorn's its app: that of the script, which the worker has imported as its main module."""
    main: Any = sys.modules["__main__"]
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(main.service.stop)  # as above
        uvicorns[number](number, frame)

    uvicorns: dict[int, Any] = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        uvicorns[number] = signal.signal(number, handle)
    return main.app


def serve_hypercorn(app: Any, service: Service) -> None:
    """Run an ASGI app on hypercorn."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    async def run() -> None:
        stopped = asyncio.Event()

        def stop() -> None:
            service.stop()
            stopped.set()
            # Beyond its own grace period, hypercorn still waits for a client that does not read.
            asyncio.get_running_loop().call_later(GRACE_S + 0.3, os._exit, 0)

        _at_first_signal(stop)
        await serve(app, config, shutdown_trigger=stopped.wait)

    config = Config()
    config.bind = [f"fd://{listen(service.options).detach()}"]
    config.graceful_timeout = GRACE_S
    config.websocket_ping_interval = service.options.ping
    config.loglevel = "WARNING"
    asyncio.run(run())


def serve_gunicorn(app: Any, service: Service, threads: int) -> None:
    """Run a WSGI app on gunicorn with many threads, in one process, for its topics are there; in several on a broker."""
    from gunicorn.app.base import BaseApplication

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return app

    def end_streams_at_signals(worker: Any) -> None:
        def stop() -> None:
            stopped.get()
            service.stop()

        def handle(number: int, frame: Any) -> None:
            stopped.put(None)
            gunicorns(signal.SIGTERM, frame)

        # A second signal may interrupt a handler that holds a lock, so the handler takes none: another thread stops.
        stopped: queue.SimpleQueue[None] = queue.SimpleQueue()
        threading.Thread(target=stop, daemon=True).start()
        gunicorns: Any = signal.getsignal(signal.SIGTERM)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):  # the master makes SIGQUIT of SIGINT
            signal.signal(number, handle)

    settings = {
        "bind": f"fd://{listen(service.options).detach()}",
        "worker_class": "gthread",
        "workers": service.options.workers,
        "threads": threads,
        "worker_connections": 2 * threads,
        "graceful_timeout": GRACE_S,
        "loglevel": "warning",
        "post_worker_init": end_streams_at_signals,
    }
    Application().run()


def serve_aiohttp(app: Any, service: Service) -> None:
    """Run an aiohttp application on its own server."""
    from aiohttp import web

    async def stop(_: web.Application) -> None:
        service.stop()

    async def run() -> None:
        stopped = asyncio.Event()
        _at_first_signal(stopped.set)
        # It waits twice: for the handlers to end, and again for those it cancelled.
        runner = web.AppRunner(app, shutdown_timeout=GRACE_S / 2, handler_cancellation=True, access_log=None)
        await runner.setup()
        await web.SockSite(runner, sock).start()
        await stopped.wait()
        await runner.cleanup()

    app.on_shutdown.append(stop)
    sock = listen(service.options)
    asyncio.run(run())


__all__ = ["GRACE_S", "serve_aiohttp", "serve_gunicorn", "serve_hypercorn", "serve_uvicorn"]
