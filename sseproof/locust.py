"""Users for locust that hold streams: import them into any locustfile (docs/locust.md).

    from sseproof.locust import EventStreamUser, PollUser, LongPollUser, WebSocketUser

Importing adds the options below to locust's own, on the command line and in the web UI, and connects the window, the
tally and the publisher to locust's events. A process is a worker, or it conducts (sseproof.window), or is both.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from typing import Any

from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from sseproof.poll_users import LongPollUser, PollUser
from sseproof.process import lack_of_descriptors
from sseproof.users import EventStreamUser, process_of
from sseproof.websocket_user import WebSocketUser
from sseproof.window import ASK, JOIN, TALLY, WINDOW, Window

__all__ = ["EventStreamUser", "LongPollUser", "PollUser", "WebSocketUser", "attach"]

logger = logging.getLogger("sseproof")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} s, expected 0 or more")
    return value


def _add_options(parser: Any) -> None:
    group = parser.add_argument_group("sseproof", "what is published, and which part of the run is measured")
    add = group.add_argument
    add("--topic", default="main", help="topic to publish to and to listen to")
    add("--publish-rate", type=float, default=0.0, help="events per second to publish; 0: start no publisher")
    add("--payload-bytes", type=int, default=0, help="length of each published event's pad")
    add("--join-limit", type=_seconds, default=10.0,
        help="seconds for all users to have their stream or first answer; then the window begins without the rest")  # fmt: skip
    add("--warm-up", type=_seconds, default=2.0, help="seconds from then, or that limit, to the window")
    add("--measure", type=_seconds, default=0.0, help="length of the window in seconds; 0: count everything")
    add("--drain", type=_seconds, default=2.0, help="seconds to wait behind the window for what is late")
    add("--tally", default="", help="file for the result, one JSON object")
    add("--progress", action="store_true", help="print a line of JSON each second")


def attach(environment: Environment, **_: Any) -> None:
    """Connect a locust environment; done for you unless you run locust as a library."""
    if environment.parsed_options is None:
        return
    process = process_of(environment)
    if isinstance(environment.runner, WorkerRunner):
        _work(environment, environment.runner)
    else:
        options = environment.parsed_options
        processes = options.expect_workers if isinstance(environment.runner, MasterRunner) else 1
        if lack := lack_of_descriptors(options.num_users or 1, processes):
            print(f"error: {lack}", file=sys.stderr)
            sys.exit(2)
        _conduct(environment, Window(process))


def _work(environment: Environment, runner: WorkerRunner) -> None:
    process = process_of(environment)

    def start(**_: Any) -> None:
        process.start()

    def stop(**_: Any) -> None:
        process.finish()

    def open_window(environment: Environment, msg: Any, **_: Any) -> None:
        process.open_window((msg.data["from_ns"], msg.data["until_ns"]))

    def answer(environment: Environment, msg: Any, **_: Any) -> None:
        got_ns = time.time_ns()
        report = {**msg.data, **process.report()}
        runner.send_message(TALLY, {**report, "got_ns": got_ns, "sent_ns": time.time_ns()})

    def join(environment: Environment, msg: Any, **_: Any) -> None:
        runner.send_message(JOIN, {"unserved": process.unserved()})

    def add_report(client_id: str, data: dict[str, Any], **_: Any) -> None:
        data["sseproof"] = process.report()

    hooks: Any = environment.events
    hooks.test_start.add_listener(start)
    hooks.test_stop.add_listener(stop)
    hooks.report_to_master.add_listener(add_report)
    runner.register_message(WINDOW, open_window)
    runner.register_message(ASK, answer)
    runner.register_message(JOIN, join)


def _conduct(environment: Environment, window: Window) -> None:
    runner = environment.runner

    def start(**_: Any) -> None:
        window.process.start()
        window.test_started()

    def stop(**_: Any) -> None:
        window.process.finish()

    def spawned(**_: Any) -> None:
        window.spawned()

    def take_report(client_id: str, data: dict[str, Any], **_: Any) -> None:
        if "sseproof" in data:
            window.reported(client_id, data["sseproof"])

    def take_tally(environment: Environment, msg: Any, **_: Any) -> None:
        window.answered(msg.node_id, msg.data, time.time_ns())

    def take_unserved(environment: Environment, msg: Any, **_: Any) -> None:
        window.unserved[msg.node_id] = msg.data["unserved"]

    def quitting(**_: Any) -> None:
        window.quitting()

    def quit(**_: Any) -> None:
        window.quit()

    hooks: Any = environment.events
    hooks.test_start.add_listener(start)
    hooks.test_stop.add_listener(stop)
    hooks.spawning_complete.add_listener(spawned)
    hooks.quitting.add_listener(quitting)
    hooks.quit.add_listener(quit)
    if isinstance(runner, MasterRunner):
        hooks.worker_report.add_listener(take_report)
        runner.register_message(TALLY, take_tally)
        runner.register_message(JOIN, take_unserved)


_hooks: Any = events  # locust's own have no types
_hooks.init_command_line_parser.add_listener(_add_options)
_hooks.init.add_listener(attach)
