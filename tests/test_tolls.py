"""What a door costs: ratios pair by pair, told in the terminal and on the page, and no verdict that trials do not carry."""

import re

import pytest

from sseproof import page, show, sources, tolls
from tests.test_costs import failed, run, series

OWN = {"door_cpu_s_per_1000": 0.004}


def through(server, p50_ms, way="sse@nginx", cpu=0.1, **more):
    records = series(server, p50_ms, way, cpu=cpu, door=way.partition("@")[2], **more)
    return [record | {"derived": record["derived"] | OWN} for record in records]


@pytest.fixture
def found(tmp_path):
    return run(
        tmp_path,
        *series("stdlib_asyncio", 1.0), *through("stdlib_asyncio", 2.0, cpu=0.05),
        *series("b_two", 4.0), *through("b_two", 4.0),
    )  # fmt: skip


def test_a_figure_is_held_against_the_same_way_in_the_same_blocks(found):
    [crossing] = tolls.read(found)
    assert (crossing.scenario, crossing.way, crossing.door) == ("broadcast", "sse@nginx", "nginx")
    [two, reference] = crossing.tolls
    assert (two.server, reference.server) == ("b_two", "stdlib_asyncio")
    pair = reference.figures["staleness.p50"]
    # The trials drift by a tenth, and both sides with them: their ratio does not.
    assert pair.ratio[:3] == pytest.approx((2.0, 2.0, 2.0))
    assert reference.figures["server_cpu_s_per_1000"].ratio[:3] == pytest.approx((0.5, 0.5, 0.5))
    assert two.figures["staleness.p50"].ratio[:3] == pytest.approx((1.0, 1.0, 1.0))
    assert reference.own.median == 0.004


def test_too_few_trials_say_nothing_for_certain(tmp_path):
    run(tmp_path, *series("a", 1.0, count=3), *through("a", 2.0, count=3))
    assert "With 3 pairs of trials a server this is a first look: a verdict takes 5." in show.show(
        tmp_path / "bench.jsonl"
    ).replace("\n", " ")


@pytest.mark.parametrize(
    "figures", [["staleness.p50"], ["server_cpu_s_per_1000"], ["back.p50", "staleness.p99"]]
)
def test_cpu_stands_below_its_own_name_whatever_a_scenario_is_ranked_by(tmp_path, figures):
    run(
        tmp_path,
        *series("a", 1.0, figures=figures), *through("a", 2.0, cpu=0.05, figures=figures),
    )  # fmt: skip
    *_, line = re.findall(r"^a +.*$", show.show(tmp_path / "bench.jsonl"), re.M)
    assert line.split()[-2:] == ["0.50", "4.00"]
    html = page.render(sources.read([tmp_path / "bench.jsonl"]))
    section = re.search(r'<section id="doors".*?</section>', html, re.S)[0]
    heads = re.findall(r"<th scope=\"col\">(.*?)</th>", section)
    [row] = re.findall(r"<tr><th scope=\"row\">a</th>(.*?)</tr>", section, re.S)
    cells = re.findall(r"<td.*?>(.*?)</td>", row, re.S)
    assert len(heads) == 1 + len(cells)
    assert "0.50" in cells[heads.index("Server&rsquo;s CPU, &times;") - 1]


def test_a_door_that_was_measured_in_vain_says_so(tmp_path):
    vain = run(tmp_path, *series("a", 1.0), failed("a", "sse@nginx", reason="nginx died"))
    [[toll]] = [crossing.tolls for crossing in tolls.read(vain)]
    assert toll.figures["staleness.p50"].ratio is None and toll.own is None
    told = show.show(tmp_path / "bench.jsonl").replace("\n", " ")
    assert "nothing can be said" in told and "failed: nginx died" in told


def test_the_terminal_tells_both_sides_the_ratio_and_what_the_door_took(found, tmp_path):
    told = show.show(tmp_path / "bench.jsonl")
    _, title, table = told.partition("broadcast: sse through nginx, held against the same without\n")
    [line] = re.findall(r"^stdlib_asyncio +1\.00 +2\.00 .*$", table, re.M)
    assert line.split() == ["stdlib_asyncio", "1.00", "2.00", "2.00", "2.00", "0.50", "4.00"]
    assert title and "\u2026" not in table


def test_the_terminals_table_cuts_no_interval(tmp_path):
    run(tmp_path, *series("starlette_uvicorn", 20.0), *through("starlette_uvicorn", 60.0))
    table = show.show(tmp_path / "bench.jsonl").partition("held against the same without\n")[2]
    shown = ["18.0-22.0", "54.0-66.0", "3.00-3.00", "3.00-3.00", "1.00-1.00", "4.00-4.00"]
    assert shown in [line.split() for line in table.splitlines()]


def test_the_page_tells_it_apart_from_what_transports_cost(found, tmp_path):
    html = page.render(sources.read([tmp_path / "bench.jsonl"]))
    section = re.search(r'<section id="doors".*?</section>', html, re.S)[0]
    assert "broadcast: SSE through nginx" in section
    assert "Staleness p50 is 1.50 (1.00-2.00) times that without it" in section
    assert (
        "nginx itself takes 4.00 ms of CPU for 1,000 deliveries (2 servers, 10 pairs of trials)." in section
    )
    assert "nginx" not in re.search(r'<section id="polling".*?</section>', html, re.S)[0]


def test_a_run_without_a_door_names_the_command(tmp_path):
    run(tmp_path, *series("a", 1.0))
    html = page.render(sources.read([tmp_path / "bench.jsonl"]))
    assert "--via nginx --broker redis" in re.search(r'<section id="doors".*?</section>', html, re.S)[0]
