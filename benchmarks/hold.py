"""Many quiet streams in one generator process, held against the reference: memory a stream on both sides, streams opened a second.

    python benchmarks/hold.py                  in the environment of `nox -s bench`; under a minute
    python benchmarks/hold.py --streams 5000   fewer than the 10,000 that the limits are about

Strategy: loadtest/hold.py runs twice, with a fifth of the streams and with all of them, each on a reference server of its own,
so that what a process takes before its first stream cancels out. How fast streams come is asked of the server, in /json/open:
from the first it has to nine tenths of them: the last few are a matter of chance.
The limits: at most 20 KiB a stream in the generator, at least 2,000 streams a second. The exit code is 1 when one is missed.
Server and generator have a core each, where there are two: a rate is that of the slower of them.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from sseproof import bout, sampling
from sseproof.client import Client
from sseproof.figures import CONNECTS_PER_S, KIB_PER_STREAM
from sseproof.launch import SERVERS, launch
from sseproof.leashed import Leashed
from sseproof.load import locust_environ

ROOT = Path(__file__).resolve().parents[1]
TOPIC = "held"
LIMIT_S = 60.0


def hold(streams: int) -> dict[str, float]:
    """Hold so many streams; gives bytes of generator and server, and streams opened a second."""
    server_cores, generator_cores = bout.cores()
    with (
        tempfile.TemporaryDirectory() as folder,
        launch(SERVERS / "stdlib_asyncio.py", cores=server_cores) as server,
    ):
        tally = Path(folder) / "tally.json"
        command = [
            sys.executable, "-m", "locust", "-f", str(ROOT / "loadtest" / "hold.py"), "--headless", "--only-summary",
            "--host", f"http://{server.host}:{server.port}", "--users", str(streams), "--spawn-rate", str(streams),
            "--topic", TOPIC, "--transport", "sse", "--warm-up", "3", "--measure", "3", "--drain", "0",
            "--join-limit", str(LIMIT_S), "--tally", str(tally),
        ]  # fmt: skip
        with Leashed("locust", command, environ=locust_environ(), cores=generator_cores) as locust:
            per_s = watched(server, locust, streams)
            held_bytes = sampling.look(server.pid).pss_bytes
            if not locust.wait(LIMIT_S) or locust.code:
                raise SystemExit(f"locust: exit code {locust.code}: {locust.last_words(8)}")
        found = json.loads(tally.read_text())
    if found["streams"] != streams or found["failures"]:
        raise SystemExit(f"{found['streams']:,} of {streams:,} streams held, failures: {found['failures']}")
    [generator] = found["generators"]
    return {"generator": generator["rss_bytes"], "server": float(held_bytes or 0), "per_s": per_s}


def watched(server, locust, streams: int) -> float:
    """Watch the streams come; give how many came a second, from the first to nine tenths of them."""
    first = early = None
    deadline_s = time.monotonic() + LIMIT_S
    with Client(server) as client:
        while locust.alive and time.monotonic() < deadline_s:
            there = client.json("GET", f"/json/open?topic={quote(TOPIC)}").value["open"]
            now_s = time.monotonic()
            if there and first is None:
                first = there, now_s
            if there >= 0.9 * streams and early is None:
                early = there, now_s
            if there >= streams:
                (few, from_s), (many, until_s) = first, early
                if until_s == from_s:
                    raise SystemExit(f"{streams:,} streams came between two looks: too few to tell a rate")
                return (many - few) / (until_s - from_s)
            time.sleep(0.05)
    raise SystemExit(f"not all of {streams:,} streams were open in {LIMIT_S:g} s: {locust.last_words(8)}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=10_000, metavar="N", help="how many (default: 10000)")
    streams = parser.parse_args().streams
    few, many = hold(streams // 5), hold(streams)
    more = (streams - streams // 5) * 1024
    kib, server_kib = ((many[side] - few[side]) / more for side in ("generator", "server"))
    print(f"{streams:,} quiet streams on the reference, in one generator process")
    print(f"  generator  {kib:6.1f} KiB a stream, at most {KIB_PER_STREAM:g}")
    print(f"  opened     {many['per_s']:6,.0f} streams a second, at least {CONNECTS_PER_S:,.0f}")
    print(f"  server     {server_kib:6.1f} KiB a stream, kernel's sockets not counted")
    return int(kib > KIB_PER_STREAM or many["per_s"] < CONNECTS_PER_S)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("hold: interrupted")
