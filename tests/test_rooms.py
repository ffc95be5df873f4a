"""Who may touch whom, and how large a room may grow."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WEB = {
    "fastapi",
    "starlette",
    "flask",
    "quart",
    "aiohttp",
    "uvicorn",
    "hypercorn",
    "gunicorn",
    "django",
    "litestar",
}
SERVERS = sorted(ROOT.glob("servers/**/*.py"))
PACKAGE = sorted(ROOT.glob("sseproof/*.py"))
CASES = sorted(ROOT.glob("conformance/*.py"))


def imports(path):
    """Give every module a file imports, in full: `a.b` and `a.b.name` for `from a.b import name`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def of(paths, roots):
    return [
        f"{path.name} imports {name}"
        for path in paths
        for name in imports(path)
        if name.split(".")[0] in roots
    ]


def test_a_subject_shares_no_code_with_its_judge():
    assert of(SERVERS, {"sseproof", "conformance", "tests"}) == []


def test_the_package_imports_no_web_framework():
    assert of(PACKAGE, WEB) == []


def test_the_contract_imports_a_framework_only_to_run_it():
    contract = [path for path in SERVERS if path.parent.name == "contract" and path.name != "serve.py"]
    assert of(contract, WEB) == []


def test_the_oracle_does_no_input_or_output():
    allowed = {"codecs", "collections", "dataclasses", "re", "typing", "itertools"}
    found = {name.split(".")[0] for name in imports(ROOT / "sseproof/wire.py")}
    assert found - allowed == set()


def test_the_probe_knows_nothing_of_the_standard():
    ours = {name for name in imports(ROOT / "sseproof/probe.py") if name.startswith("sseproof")}
    assert {name.split(".")[1] for name in ours} == {"transcript"}


def test_a_case_uses_the_oracle_and_nothing_else_of_ours():
    ours = {name for path in CASES for name in imports(path) if name.split(".")[0] in ("sseproof", "")}
    assert {name for name in ours if not name.startswith("sseproof.wire")} <= {"sseproof"}


@pytest.mark.parametrize("path", [*SERVERS, *PACKAGE], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_module_over_200_lines_says_why(path):
    source = path.read_text()
    assert source.count("\n") <= 200 or "lines" in (ast.get_docstring(ast.parse(source)) or "")


@pytest.mark.parametrize(
    "path", [path for path in SERVERS if path.parent.name == "servers"], ids=lambda p: p.stem
)
def test_a_server_is_a_script_named_after_framework_and_http_server(path):
    assert "_" in path.stem and path.read_text().startswith("# /// script\n")
