"""How good is our load generator: against other clients, against known truth, and full of streams.

    nox -s calibrate -- --quick

Strategy: truth first, then blocks in which every client takes the same stream once, in random order, so that
figures are compared within a block; each bout's record is on disk before the next begins, and sseproof.figures
and sseproof.tables make verdicts and tables of the records. Rule of the file: a figure that is missed is printed as missed; only what is
wrong (measured against known, a bout that failed) turns the exit code to 1, for a busy machine may miss a ratio.

It has more lines than most because it is one session told from its first step to its last.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sseproof import bout, environment, figures, machine, results, tables, truth
from sseproof.bout import OURS, Bout
from sseproof.terminal import sigterm_as_ctrl_c

PACKAGES = ("aiohttp", "gevent", "hdrhistogram", "httpx-sse", "locust", "numpy", "requests", "sseclient-py")
COMPARED = ("httpx_sse", "iter_lines", "readline")  # the figures are about these
OTHERS = ("reactor", "aiohttp", "sseclient")
BLOCKS = {"quick": (3, 2, 1, 0, 1), "full": (5, 5, 3, 1, 2)}
"""Of bare and ours; of COMPARED, of OTHERS; of COMPARED at saturation; of all but OTHERS with a tenth of the events."""
BUDGET_S = {"quick": 165.0, "full": 455.0}  # no bout begins later
TRIES = 3
"""Truth may be tried again: where the machine takes the core away, two events become one read with the later time."""


def main(arguments: Sequence[str], root: Path = environment.ROOT) -> int:
    """Calibrate as the command line says and return the exit code."""
    asked = _options(arguments)
    try:
        asked.run = results.run_id(asked.run)
    except results.ResultsError as error:
        print(f"calibrate: {error}", file=sys.stderr)
        return 2
    path = root / "results" / asked.run / "calibrate.jsonl"
    try:
        with sigterm_as_ctrl_c():
            code = _run(asked, path)
    except (results.ResultsError, OSError) as error:
        print(f"calibrate: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\ncalibrate: interrupted; what was measured is in {path}", file=sys.stderr)
        code = 130
    tables.show(results.read_lines(path, figures.FIELDS))
    print(path.relative_to(root))
    return code


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s calibrate --",
        description="Hold our load generator against other clients and known truth.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="under 3 minutes instead of 8: fewer blocks, no 10,000 streams")
    add("--truth", action="store_true", help="only the comparison with what the source knows")
    add("--run", metavar="ID", help="name of the run and its folder (default: time and chance)")
    add("--seed", type=results.seed, default=random.SystemRandom().randrange(10**6), metavar="N",
        help="seed of the bouts' order (default: by chance, told)")  # fmt: skip
    return parser.parse_args(arguments)


def plan(quick: bool, truth_only: bool, seed: int) -> list[tuple[str, int, Bout]]:
    """List what is done, in order: what for, the block, the bout."""
    shuffled = random.Random(seed)
    small = Bout(OURS, streams=20, warm_up_s=0.6, measure_s=4.0, seed=seed)
    found = [("truth", 0, replace(small, mode=mode)) for mode in ("stall", "delay")]
    if truth_only:
        return found
    usual = Bout(OURS, measure_s=2.0 if quick else 3.0, seed=seed)
    found += [] if quick else _alone(usual, shuffled)
    blocks, compared, others, saturated, calm = BLOCKS["quick" if quick else "full"]
    for block in range(blocks):
        turns = []
        for purpose, mode, rate_hz, rivals in (
            ("paced", "paced", 100.0, (*COMPARED[: 3 * (block < compared)], *OTHERS[: 3 * (block < others)])),
            ("flood", "flood", 100.0, COMPARED[: 3 * (block < saturated)]),
            ("calm", "paced", 10.0, COMPARED),
        ):
            if purpose != "calm" or block < calm:
                load = replace(usual, mode=mode, rate_hz=rate_hz)
                turns += [
                    (purpose, block, replace(load, client=client)) for client in ("bare", OURS, *rivals)
                ]
        shuffled.shuffle(turns)
        found += turns
    return found


def _alone(usual: Bout, shuffled: random.Random) -> list[tuple[str, int, Bout]]:
    """List what only our own client is asked: many streams, and the same streams in one or two workers."""
    hold = replace(usual, mode="quiet", warm_up_s=5.0, measure_s=1.0)
    found = [("hold", 0, replace(hold, streams=streams)) for streams in (2_000, 10_000)]
    many = replace(usual, streams=500, rate_hz=20.0)
    for block in range(3):
        pair = [("workers", block, replace(many, processes=processes)) for processes in (1, 2)]
        shuffled.shuffle(pair)
        found += pair
    return found


def _run(asked: argparse.Namespace, path: Path) -> int:
    todo = plan(asked.quick, asked.truth, asked.seed)
    began_s = time.monotonic()
    budget_s = BUDGET_S["quick" if asked.quick else "full"]
    wrong = 0
    with results.Writer(path, _header(asked, len(todo))) as writer:
        print(f"run {asked.run}, seed {asked.seed}; {_where()}", flush=True)
        for number, (purpose, block, each) in enumerate(todo, 1):
            passed_s = time.monotonic() - began_s
            records = iter(
                [_blank(each, "left out", f"{passed_s:.0f} s have passed, the limit is {budget_s:.0f} s")]
            )
            if passed_s < budget_s:
                records = _truth(each) if purpose == "truth" else iter([_bout(each)])
            for record in records:
                record = {"purpose": purpose, "block": block, **record}
                writer.line("bout", record)
                print(f"[{number:>{len(str(len(todo)))}}/{len(todo)}] {tables.told(record)}", flush=True)
            wrong += record["state"] == "failed" or not record.get("agrees", True)
        found = figures.verdicts(results.read_lines(path, figures.FIELDS))
        for figure in found:
            writer.line("figure", figure)
        counts = {state: sum(figure["verdict"] == state for figure in found) for state in figures.VERDICTS}
        writer.line(
            "footer", {"counts": counts, "wrong": wrong, "seconds": round(time.monotonic() - began_s, 1)}
        )
    return 1 if wrong else 0


def _bout(each: Bout, record: Path | None = None) -> dict[str, Any]:
    load = os.getloadavg()[0]
    try:
        return {"state": "ok", "reason": "", **bout.run(each, record), "load_average": load}
    except (bout.BoutError, OSError, ValueError) as error:
        return _blank(each, "failed", str(error))


def _blank(each: Bout, state: str, reason: str) -> dict[str, Any]:
    return {"state": state, "reason": reason, **vars(each)}


def _truth(each: Bout) -> Iterator[dict[str, Any]]:
    """Try until measured and known agree, three times at most; give every try."""
    for attempt in range(1, TRIES + 1):
        with tempfile.TemporaryDirectory(prefix="sseproof-") as folder:
            kept = Path(folder) / "record"
            record = _bout(each, kept)
            if record["state"] == "ok":
                rows = truth.compare(truth.known(kept, record["window"]), record["kernel"])
                record |= {"truth": rows, "agrees": truth.agrees(rows)}
        yield record | {"attempt": attempt}
        if record.get("agrees"):
            return


def _header(asked: argparse.Namespace, planned: int) -> dict[str, Any]:
    source_cores, client_cores = bout.cores()
    return {
        "run": asked.run,
        "started": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "revision": machine.revision(environment.ROOT),
        "machine": machine.describe() | machine.limits(),
        "load_average": os.getloadavg()[0],
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "seed": asked.seed,
        "planned": planned,
        "options": {"quick": asked.quick, "truth": asked.truth},
        "source_cores": source_cores,
        "client_cores": client_cores,
    }


def _where() -> str:
    source_cores, client_cores = bout.cores()
    load = os.getloadavg()[0]
    noisy = f"; load average {load:.1f} before the run: something else is at work here" if load > 1 else ""
    if not source_cores:
        return f"one core for both sides: their figures are mixed{noisy}"
    return f"source on core {source_cores[0]}, clients on core {client_cores[0]}{noisy}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
