# /// script
# requires-python = ">=3.11"
# dependencies = ["starlette", "sse-starlette", "uvicorn[standard]", "psutil"]
# ///
"""Has a blocking generator sleep in the event loop's thread."""

import time

import anyio
import base
import contract
import starlette_uvicorn

CAUGHT_BY = {
    "test_a_blocking_generator_does_not_stop_another_stream[async]",
    "test_a_blocking_generator_does_not_stop_another_stream[blocking]",
}
MAY_TRIP = {
    "test_a_body_too_long_is_refused_without_a_reset",
    "test_a_quiet_blocking_generator_is_kept_alive_too",
    "test_a_quiet_stream_carries_a_comment",
}


def script(self, wake, right=contract.echo.Script.__call__):
    for due, event in right(self, wake):
        if (
            isinstance(wake, contract.drive.BlockingWake)
            and contract.drive.NOW < due < contract.drive.FOREVER
        ):
            anyio.from_thread.run_sync(time.sleep, max(0, due - time.time()))
        yield due, event


contract.echo.Script.__call__ = script

base.run(starlette_uvicorn)
