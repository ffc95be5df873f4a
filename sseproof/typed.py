"""A record of a result file held against the types of our JSON Schemas, so that no reader meets a text where a number belongs.

Rule of the file: types, and values of a closed set; what a schema asks for besides (bounds, what has to be there) is the
writers' to keep, and a record that holds more or less than it names can still be read.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST = 2.0**63  # beyond every size and every time in nanoseconds
_SCHEMAS = Path(__file__).with_name("schema")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "number": (int, float),
    "integer": (int, float),
}  # fmt: skip


def loads(line: bytes) -> Any:
    """Parse a line; a number that is none of ours (NaN, infinite, beyond MOST) is None. Raises ValueError."""
    try:
        return json.loads(line, parse_constant=lambda _: None, parse_float=_number, parse_int=_number)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _number(text: str) -> int | float | None:
    whole = text.lstrip("-").isdigit()
    if whole and len(text) > 20:  # more digits than MOST has
        return None
    value = int(text) if whole else float(text)
    return value if math.isfinite(value) and abs(value) <= MOST else None


@functools.cache
def _definitions(schema: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_SCHEMAS / f"{schema}.schema.json").read_text("utf-8"))["$defs"]
    return found


def fault(record: Mapping[str, Any], schema: str) -> str:
    """Say what is of another type than the schema's ("conformance" or "bench"); nothing where all is well."""
    defs = _definitions(schema)
    return _fault(record, defs[record["kind"]], defs, "")


def _fault(value: Any, rule: Mapping[str, Any], defs: Mapping[str, Any], place: str) -> str:
    if "$ref" in rule:
        return _fault(value, defs[rule["$ref"].rpartition("/")[2]], defs, place)
    if "oneOf" in rule:
        faults = [_fault(value, each, defs, place) for each in rule["oneOf"]]
        return "" if "" in faults else faults[-1]
    allowed = rule.get("enum", [rule["const"]] if "const" in rule else None)
    if allowed is not None:
        return (
            ""
            if value in allowed
            else f"{place} is {_short(value)}, expected {' or '.join(map(str, allowed))}"
        )
    kinds = rule.get("type", list(_TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(
        isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
        for kind in kinds
    ):
        return f"{place} is {_short(value)}, expected {' or '.join(kinds)}"
    within: list[tuple[str, Any, Any]] = []
    if isinstance(value, dict):
        known, other = rule.get("properties", {}), rule.get("additionalProperties")
        within = [(name, each, known.get(name, other)) for name, each in value.items()]
    elif isinstance(value, list):
        within = [(str(number), each, rule.get("items")) for number, each in enumerate(value)]
    for name, each, of in within:
        if isinstance(of, Mapping) and (told := _fault(each, of, defs, f"{place}.{name}".lstrip("."))):
            return told
    return ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
