"""One server with several releases of a package: where a behaviour changed, the first bad and the first good release.

    nox -s versions -- fastapi_uvicorn fastapi 0.135.4 latest -k injection

runs the battery once per release (`--with`; the same seed for all) and tells the cases whose outcome changed.
The runs' own result files stay, with versions.json beside them: `--show RUN` tells them again, without a rerun.
Rule of the file: each release is run in the same way, and one that cannot be judged stops no other. What is
compared, and how it is told, is in comparison.py. It has more than 200 lines because each wrong option has its
sentence.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from sseproof import comparison, environment, launch, ledger, matrix


def main(arguments: Sequence[str], root: Path = environment.ROOT) -> int:
    """Do what the command line says and return its exit code."""
    options = _options(arguments, root)
    folder = root / "results"
    try:
        stored = _stored(folder, options.show) if options.show else _run_all(options, folder)
    except (OSError, ValueError) as error:
        print(f"versions: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("versions: interrupted; what was judged is in results/", file=sys.stderr)
        return 130
    server, package = stored["server"], stored["package"]
    releases = [
        comparison.read(folder, server, package, each["name"], each["run"]) for each in stored["releases"]
    ]
    if bad := next((each for each in releases if each.because.startswith("usage: ")), None):
        print(f"versions: {bad.because.removeprefix('usage: ')}", file=sys.stderr)
        shutil.rmtree(folder / stored["run"])
        return 2
    judged = [each for each in releases if not each.because]
    found, same = comparison.changes(judged)
    if not options.show:
        told = [{**asdict(each), "outcomes": {}, "findings": {}} for each in releases]
        stored |= {"releases": told, "unchanged": same, "changed": [asdict(change) for change in found]}
        path = folder / stored["run"] / "versions.json"
        path.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    colour = not os.environ.get("NO_COLOR") and sys.stdout.isatty()
    wide = 0 if sys.stdout.isatty() else matrix.WIDTH * 10  # into a pipe: one line per case
    sys.stdout.write(comparison.show(server, package, releases, colour=colour, width=wide))
    print(f"results/{stored['run']}/versions.json; again: nox -s versions -- --show {stored['run']}")
    whole = len(judged) > 1 and not any(each.because or each.counts.get("error") for each in releases)
    return 0 if whole else 1


def _stored(folder: Path, run: str) -> dict[str, Any]:
    stored = json.loads((folder / run / "versions.json").read_text("utf-8"))
    if not isinstance(stored, dict) or not {"run", "server", "package", "releases"} <= stored.keys():
        raise ValueError(f"results/{run}/versions.json holds no comparison")
    return stored


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(
            2, f"versions: {message}\nexample: nox -s versions -- fastapi_uvicorn fastapi 0.135.4 latest\n"
        )


def _options(arguments: Sequence[str], root: Path) -> argparse.Namespace:
    parser = _Parser(
        prog="nox -s versions --",
        description="Run the battery with several releases of a package and tell which cases changed.",
        epilog="""example:
  nox -s versions -- fastapi_uvicorn fastapi 0.135.4 latest -k injection

`latest` pins nothing: it is the newest release as of the day that all environments are resolved as of
(UV_EXCLUDE_NEWER, else exclude-newer in pyproject.toml), and no release after that day can be had.
exit code: 0 all were compared, 1 a release could not be judged, 2 usage (nox itself makes 1 of each but 0)""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("server", nargs="?", help="a file of servers/, by its name")
    parser.add_argument(
        "package", nargs="?", help="what to pin: the framework, its encoder, the HTTP server ..."
    )
    parser.add_argument("releases", nargs="*", metavar="release", help="versions, or latest; at least two")
    parser.add_argument("-k", dest="keyword", metavar="EXPR", help="only these cases, as pytest's -k")
    parser.add_argument(
        "-m", dest="markexpr", metavar="EXPR", help="only cases of these marks, as pytest's -m"
    )
    parser.add_argument("--slow", action="store_true", help="run the slow cases too")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the random cases (default: by chance)")
    parser.add_argument("--run", metavar="ID", help="name of the comparison (default: time and chance)")
    parser.add_argument("--show", metavar="RUN", help="tell an old comparison again")
    options = parser.parse_intermixed_args(arguments)
    if options.show:
        return options
    if not options.server:
        parser.error("no server given")
    try:
        options.script = launch.find([options.server], folder=root / "servers")[0]
    except launch.LaunchError as error:
        parser.error("; ".join(line.strip() for line in str(error).splitlines()))
    try:
        if not options.package or Requirement(options.package).specifier:
            parser.error(f"{options.package or 'nothing'} is no package's name alone; releases come after it")
    except InvalidRequirement:
        parser.error(f"{options.package!r} is no package's name")
    options.releases = _sorted(options.releases, parser)
    options.run = options.run or f"versions-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    if not re.fullmatch(r"[\w.-]*\w[\w.-]*", options.run):
        parser.error(
            f"--run is {options.run!r}, expected a folder's name of letters, digits, '-', '_' and '.'"
        )
    if any((root / "results").glob(f"{options.run}-*")) or (root / "results" / options.run).exists():
        parser.error(f"results/{options.run} is there already, choose another --run")
    options.seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    return options


def _sorted(releases: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """Give the releases, each once, oldest first, `latest` last."""
    if len(set(releases)) < 2:
        parser.error(f"{len(set(releases)) or 'no'} release given, expected at least two, or one and latest")
    for release in releases:
        try:
            Version(release if release != comparison.LATEST else "1")
        except InvalidVersion:
            meant = ledger.near(release, [comparison.LATEST]) or ", such as 0.135.4 or latest"
            parser.error(f"{release!r} is no release{meant}")
    pinned = {release for release in releases if release != comparison.LATEST}
    return sorted(pinned, key=Version) + [comparison.LATEST] * (comparison.LATEST in releases)


# -- running


def _run_all(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    day = environment.exclude_newer() or "today"
    print(
        f"{options.script.stem} with {options.package} {', '.join(options.releases)}; seed {options.seed}; "
        f"{comparison.LATEST} and all else as of {day} (UV_EXCLUDE_NEWER)",
        file=sys.stderr,
    )
    releases = []
    for number, name in enumerate(options.releases, 1):
        run = f"{options.run}-{comparison.safe(name)}"
        place = f"[{number}/{len(options.releases)}] {options.package} {name}"
        _run(options, name, folder, run, place)
        release = comparison.read(folder, options.script.stem, options.package, name, run)
        releases.append({"name": name, "run": run})
        if release.because.startswith("usage: "):
            break  # it would be the same with every release
    return {
        "run": options.run,
        "server": options.script.stem,
        "package": options.package,
        "as_of": day,
        "seed": options.seed,
        "keyword": options.keyword,
        "releases": releases,
    }


def _run(options: argparse.Namespace, name: str, folder: Path, run: str, place: str) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "sseproof.battery", "--rootdir=.", "-qq"]
    command += ["-n", "0", "-o", "testpaths=conformance", f"--server={options.script.stem}"]
    command += [f"--run={run}", f"--seed={options.seed}"]
    command += [f"--with={options.package}=={name}"] if name != comparison.LATEST else []
    command += ["-k", options.keyword] if options.keyword else []
    command += ["-m", options.markexpr] if options.markexpr else []
    command += ["--slow"] if options.slow else []
    started, live = time.monotonic(), sys.stderr.isatty()
    print(f"{place} ...", end="\r" if live else "\n", file=sys.stderr, flush=True)
    path, printed = folder / run / "conformance.jsonl", folder / options.run / f"{run}.txt"
    printed.parent.mkdir(parents=True, exist_ok=True)
    with printed.open("w") as output:
        battery = subprocess.Popen(command, cwd=folder.parent, stdout=output, stderr=subprocess.STDOUT)
        try:
            while True:
                try:
                    battery.wait(0.5)
                    break
                except subprocess.TimeoutExpired:
                    if live and path.exists():
                        count = path.read_bytes().count(b'{"kind": "verdict"')
                        print(f"{place} ... {count} cases", end="\r", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            battery.wait()  # Ctrl-C has reached it too; it stops its server and ends
            raise
    print(f"{place}: {time.monotonic() - started:.0f} s{' ' * 20}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
