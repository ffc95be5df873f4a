"""The list of all cases, docs/cases.md, and of their names, tests/cases.txt: `nox -s cases` writes both anew.

The cases are found as a run finds them (functions.py); which flaw proves a case is read from tests/flawed/
without running it, which servers fail it from the known failures. Rule of the file: what is written depends on
these files alone and comes in one order.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sseproof import ledger, page, results
from sseproof.functions import CatalogueError, Function, collect, first

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT, NAMES = Path("docs/cases.md"), Path("tests/cases.txt")
HEAD = """# The cases

<!-- Generated: do not edit. `nox -s cases` writes this page anew. -->

{functions} cases in {groups} groups, many of them for several values each; {proven} are proven by a flaw. `nox -s cases` makes
this page from `conformance/`, `tests/flawed*/` and `conformance/known_failures.toml`. Under each case:

- its level, with the place in the standard that it stands on. {levels}
- why it is asked.
- the flaws that prove it: servers in `tests/flawed/` (behind a browser, a proxy or a broker: `tests/flawed_browser/` and so on), each wrong in
  one thing, which this case must catch.
- the servers that fail it now, for a cause that [known_failures.toml](../conformance/known_failures.toml) gives.

A case's name is its sentence with underscores: `nox -s conformance -- -k only_cr_and_lf_end_a_line` runs one.
"""


def flaws(tests: Path, functions: Iterable[Function]) -> dict[str, dict[str, str]]:
    """Read which flaws prove which case: function name -> {folder/file: what is wrong}. Raises CatalogueError."""
    known = {name for function in functions for name in (function.name, *function.ids)}
    proofs: dict[str, dict[str, str]] = {}
    for path in sorted(tests.glob("flawed*/*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for name in sorted(literal(tree, path, "CAUGHT_BY")):
            if name not in known:
                near = ledger.near(name, sorted(known))
                raise CatalogueError(
                    f"tests/{path.parent.name}/{path.name}: no case is called {name!r}{near}"
                )
            wrong = first(ast.get_docstring(tree) or "")
            proofs.setdefault(name.partition("[")[0], {})[f"{path.parent.name}/{path.name}"] = wrong
    return proofs


def literal(tree: ast.Module, path: Path, wanted: str) -> set[str]:
    """Read the set of names a flaw's file assigns to CAUGHT_BY or MAY_TRIP. Raises CatalogueError."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == wanted for target in targets):
            assert isinstance(node, ast.Assign)
            try:
                return set(ast.literal_eval(node.value))
            except (ValueError, TypeError):
                where = f"tests/{path.parent.name}/{path.name}, line {node.lineno}"
                problem = f'{where}: {wanted} is no literal {{"test_x"}}'
                raise CatalogueError(problem) from None
    return set()


def failing(function: Function, known: Sequence[ledger.Known], servers: Sequence[str]) -> list[str]:
    """Tell the servers that fail a case now, each with the releases; "in part" where some of its values pass."""
    told = []
    for server in servers:
        entries = [entry for entry in known if any(entry.covers(server, case) for case in function.ids)]
        if entries:
            missed = {case for case in function.ids for entry in entries if entry.covers(server, case)}
            where = sorted({entry.versions for entry in entries if entry.versions})
            where += ["in part"] if len(missed) < len(function.ids) else []
            told.append(f"`{server}`" + (f" ({'; '.join(where)})" if where else ""))
    return told


# -- writing


def document(
    functions: Sequence[Function],
    proofs: Mapping[str, Mapping[str, str]],
    known: Sequence[ledger.Known],
    servers: Sequence[str],
) -> str:
    """Write the page."""
    groups = list(dict.fromkeys(function.group for function in functions))
    proven = sum(function.name in proofs for function in functions)
    levels = " ".join(f"*{level.capitalize()}*: {words}" for level, words in results.LEVELS.items())
    parts = [HEAD.format(functions=len(functions), groups=len(groups), proven=proven, levels=levels)]
    for group in groups:
        of_group = [function for function in functions if function.group == group]
        parts.append(f"## {group}\n\n{_plain(of_group[0].about)}\n")
        parts += [
            _section(each, proofs.get(each.name, {}), failing(each, known, servers)) for each in of_group
        ]
    wrong = {name: words for of_case in proofs.values() for name, words in of_case.items()}
    parts.append("## The flaws\n\nServers that are wrong in one thing; the cases above must catch them.\n")
    parts += [f"- {_flaw(name)}: {_plain(words)}" for name, words in sorted(wrong.items())]
    return "\n".join(parts) + "\n"


def _section(function: Function, proofs: Mapping[str, str], fails: Sequence[str]) -> str:
    levels = [
        f"*{level}*, {' and '.join(_link(anchor) for anchor in anchors)}"
        for level, anchors in sorted(function.levels.items())
    ]
    proven = ", ".join(_flaw(name) for name in proofs)
    lines = [
        f"### {_plain(results.sentence(function.name))}\n",
        "; ".join([*levels, *function.marks]) + ".  ",
        _plain(function.why) + "  ",
        f"Flaws: {proven or 'none proves it yet'}." + ("  " if fails else ""),
        *([f"Fails now on {', '.join(fails)}."] if fails else []),
    ]
    return "\n".join(lines) + "\n"


def _link(anchor: str) -> str:
    link = page.anchor(anchor)
    return f"[{_plain(anchor)}]({link})" if link else _plain(anchor)


def _plain(text: str) -> str:
    """Keep text from being read as Markdown, but for code in backticks."""
    parts = text.split("`")
    for index in range(0, len(parts), 2):
        for mark in "\\*_<[":
            parts[index] = parts[index].replace(mark, f"\\{mark}")
    return "`".join(parts)


def _flaw(name: str) -> str:
    return f"[{Path(name).stem}](../tests/{name})"


def write(folder: Path, root: Path = ROOT) -> list[Path]:
    """Write both files below this folder and return them. Raises CatalogueError and LedgerError."""
    functions = collect(root)
    servers = sorted(path.stem for path in (root / "servers").glob("*_*.py"))
    known = ledger.read(root / "conformance" / "known_failures.toml", servers)
    names = "".join(f"{line}\n" for line in sorted(f"{each.group}::{each.name}" for each in functions))
    pages = {
        DOCUMENT: document(functions, flaws(root / "tests", functions), known, servers),
        NAMES: names,
    }
    for path, text in pages.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return [folder / path for path in pages]


if __name__ == "__main__":
    try:
        for written in write(Path(sys.argv[1]) if sys.argv[1:] else ROOT):
            print(written)
    except (CatalogueError, ledger.LedgerError, SyntaxError) as error:
        sys.exit(f"catalogue: {error}")
