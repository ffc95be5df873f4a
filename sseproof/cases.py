"""What is a case: a test with exactly one level that takes a server; its stable id; its near matches."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from sseproof import doors, results


@dataclass
class Collected:
    """What collection found, in whichever process it happened."""

    cases: list[str] = field(default_factory=list)  # ids, before -k and the like
    levels: dict[str, str] = field(default_factory=dict)  # by id
    names: list[str] = field(default_factory=list)  # of functions, for near matches
    groups: list[str] = field(default_factory=list)
    slow: int = 0
    shut: int = 0  # behind doors that are not asked for
    doors: list[str] = field(default_factory=list)  # which these are
    selected: int = 0
    problems: list[str] = field(default_factory=list)

    def take(self, items: Iterable[pytest.Item]) -> None:
        """Note these items, or for those that are no case the problem."""
        for item in items:
            levels = [marker for marker in item.iter_markers() if marker.name in results.LEVELS]
            if (
                len(levels) != 1
                or len(levels[0].args) != 1
                or "server" not in getattr(item, "fixturenames", ())
            ):
                one_of = ", ".join(f"@pytest.mark.{level}(anchor)" for level in results.LEVELS)
                name = item.nodeid.partition("[")[0]
                problem = f"{name} is no case: expected the argument `server` and one of {one_of}"
                if problem not in self.problems:
                    self.problems.append(problem)
                continue
            item.extra_keyword_matches.add(case_id(item))  # -k "test_x[cr]" means it on every server
            self.cases.append(case_id(item))
            self.levels[case_id(item)] = levels[0].name
            self.names.append(getattr(item, "originalname", item.name))
            self.groups.append(item.path.stem)


def case_id(item: pytest.Item) -> str:
    """Give a case's stable id: its name and parameters, without the server's."""
    name, _, parameters = item.name.partition("[")
    rest = parameters.removeprefix(server_name(item)).removeprefix("-") if parameters else ""
    return f"{name}[{rest}" if rest not in ("", "]") else name


def server_name(item: pytest.Item) -> str:
    return str(item.callspec.params["subject"])  # type: ignore[attr-defined]


def nothing_chosen(keyword: str, found: Collected) -> str:
    """Say why no case was run; of the words after -k that no case holds, name what is near."""
    if found.slow:
        return f"every case that was chosen is slow ({found.slow} of them): add --slow"
    if found.shut:
        ways = doors.told(set(found.doors))
        return f"every case that was chosen goes through a door ({found.shut} of them): add {ways}"
    if not found.cases:
        return "no case was found; a case is a test_ function below conformance/"
    names = {*found.names, *found.cases, *found.groups}
    words = [word for word in re.findall(r"[\w-]+", keyword) if word not in ("and", "or", "not")]
    near = ""
    for word in words:
        if not any(word.lower() in name.lower() for name in names):
            known = dict.fromkeys([*found.groups, *found.names])
            parts = {part for name in known for part in (name, name.removeprefix("test_"), *name.split("_"))}
            meant = difflib.get_close_matches(word, parts, n=2)
            like = [name for name in known if any(part in name for part in meant)]
            near += f"; did you mean {' or '.join(like[:3])}?" if like else ""
    asked = f"matches -k {keyword!r}" if keyword else "was chosen"
    return f"no case {asked}{near}" + (
        "" if near else f"; the groups are {', '.join(sorted(set(found.groups)))}"
    )
