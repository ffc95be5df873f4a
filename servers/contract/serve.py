"""How each HTTP server is run: on our socket, and so that SIGTERM ends every stream cleanly.

All follow one order: stop accepting, tell the service to stop (each stream's generator returns, and the
framework sends the last chunk), give whoever does not read at most GRACE_S seconds, exit 0.
"""

import asyncio
import signal
import socket
from typing import Any

from .options import listen
from .service import Service

GRACE_S = 2


def _on_signal_do_nothing() -> None:
    """Leave the signals to the HTTP server, which raises them again at its end: then they mean nothing."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)


def serve_uvicorn(app: Any, service: Service) -> None:
    """Run an ASGI app on uvicorn."""
    import uvicorn

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
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=GRACE_S)
    server = Server(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(run())


def serve_hypercorn(app: Any, service: Service) -> None:
    """Run an ASGI app on hypercorn."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    async def run() -> None:
        stopped = asyncio.Event()

        def stop() -> None:
            service.stop()
            stopped.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        await serve(app, config, shutdown_trigger=stopped.wait)

    config = Config()
    config.bind = [f"fd://{listen(service.options).detach()}"]
    config.graceful_timeout = GRACE_S
    config.loglevel = "WARNING"
    asyncio.run(run())


def serve_gunicorn(app: Any, service: Service, threads: int) -> None:
    """Run a WSGI app on gunicorn with one process of many threads: the topics belong to one process."""
    from gunicorn.app.base import BaseApplication

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return app

    def end_streams_at_sigterm(worker: Any) -> None:
        def handle(number: int, frame: Any) -> None:
            service.stop()
            gunicorns(number, frame)

        gunicorns: Any = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, handle)

    settings = {
        "bind": f"fd://{listen(service.options).detach()}",
        "worker_class": "gthread",
        "workers": 1,
        "threads": threads,
        "worker_connections": 2 * threads,
        "graceful_timeout": GRACE_S,
        "loglevel": "warning",
        "post_worker_init": end_streams_at_sigterm,
    }
    Application().run()


def serve_aiohttp(app: Any, service: Service) -> None:
    """Run an aiohttp application on its own server."""
    from aiohttp import web

    async def stop(_: web.Application) -> None:
        service.stop()

    app.on_shutdown.append(stop)
    sock: socket.socket = listen(service.options)
    web.run_app(
        app, sock=sock, print=None, shutdown_timeout=GRACE_S, handler_cancellation=True, access_log=None
    )


__all__ = ["GRACE_S", "serve_aiohttp", "serve_gunicorn", "serve_hypercorn", "serve_uvicorn"]
