"""The gate on the real runner: the same code twice has to pass, one slowed down by a factor of 1.5 has to fail.

    python benchmarks/gate.py                  in the environment of `nox -s bench`; about 5 minutes on 2 quiet cores
    python benchmarks/gate.py --factor 1.2     where the gate's resolution ends

Three runs of two servers: the reference, and a copy of it named `spun_asyncio`, which spins on the CPU for each event it sends
to each client. In the first two runs it spins for no time at all (A/A), in the third for (factor - 1) times the CPU that
the first run measured for a delivery. The exit code is 0 when the first gate passes and the second does not.

A verdict takes 5 trials without a mark; 7 leave room for two that something else on the machine has spoilt. On a busy one the second
gate says "unstable", which is true, and passes.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sseproof import changes, reading, sources

ROOT = Path(__file__).resolve().parents[1]
SERVER = '''\
# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""The reference, spinning {spin_s:.7f} s for each event of each client."""

import sys
import time

sys.path.insert(0, {folder!r})
import asyncio

import contract
import stdlib_asyncio

encode = contract.encode


def spun(event):
    until = time.perf_counter() + {spin_s!r}
    while time.perf_counter() < until:
        pass
    return encode(event)


contract.encode = spun
asyncio.run(stdlib_asyncio.main())
'''


def measure(run: str, spin_s: float, trials: int) -> None:
    """Measure the reference and its copy in the same blocks; raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        server = Path(folder) / "spun_asyncio.py"
        server.write_text(SERVER.format(spin_s=spin_s, folder=str(ROOT / "servers")))
        command = [sys.executable, "-m", "sseproof.bench", "--run", run, "--trials", str(trials)]
        command += ["--server", "stdlib_asyncio", "--server", str(server), "--transport", "sse"]
        subprocess.run(command, cwd=ROOT, check=True, timeout=900)


def gate(base: str, head: str) -> int:
    """Tell the gate's verdict on two runs."""
    print(f"\n$ sseproof gate {head} --base {base}", flush=True)
    command = [sys.executable, "-m", "sseproof", "gate", head, "--base", base]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    print(f"exit code {code}", flush=True)
    return code


def per_delivery_s(run: str) -> float:
    """Give the CPU that a run measured for one delivery of the copy."""
    bench = sources.read([ROOT / "results" / run]).bench
    assert bench is not None
    [row] = [row for row in bench.tables["broadcast", "sse"] if row.server == "spun_asyncio"]
    values = sorted(changes.values(row, reading.COSTS[0]).values())
    return values[len(values) // 2] / 1000


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--factor", type=float, default=1.5, help="the slowdown (default: 1.5)")
    parser.add_argument("--trials", type=int, default=7, help="trials of each server and run (default: 7)")
    options = parser.parse_args()
    name = f"gate-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    base, again, slowed = (f"{name}-{each}" for each in ("base", "again", "slowed"))
    measure(base, 0.0, options.trials)
    measure(again, 0.0, options.trials)
    spin_s = (options.factor - 1) * per_delivery_s(base)
    print(f"\nspinning {spin_s * 1e6:.0f} us a delivery, {options.factor:g} times the CPU of {base}\n")
    measure(slowed, spin_s, options.trials)
    codes = gate(base, again), gate(base, slowed)
    print(f"\nsame code: {codes[0]}, expected 0; slowed {options.factor:g} times: {codes[1]}, expected 1")
    return int(codes != (0, 1))


if __name__ == "__main__":
    sys.exit(main())
