# /// script
# requires-python = ">=3.11"
# dependencies = ["starlette", "sse-starlette", "uvicorn[standard]", "psutil"]
# ///
"""Has eight threads for its blocking generators."""

import anyio
import base
import starlette_uvicorn

CAUGHT_BY = {"test_sixty_blocking_generators_sleep_at_once"}
MAY_TRIP = {"test_a_body_too_long_is_refused_without_a_reset"}  # uvicorn resets now and then


async def app(scope, receive, send, right=starlette_uvicorn.app):
    anyio.to_thread.current_default_thread_limiter().total_tokens = 8
    await right(scope, receive, send)


starlette_uvicorn.app = app

base.run(starlette_uvicorn)
