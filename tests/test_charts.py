"""The charts: text stays text, ids are each chart's own, a transport has one colour, labels keep clear of each other."""

import itertools
import re
from xml.etree import ElementTree

import pytest

from sseproof import canvas, charts, labels
from sseproof.charts import Curve, Point, Row, Strip
from sseproof.intervals import Interval
from sseproof.scaling import Law

HOSTILE = "$x^2$ <script>alert(1)</script>\x1b[31m\u202e\x00\uffff & \"'>"
WAYS = ("sse", "websocket", "long-poll", "poll-0.1s", "poll-1s", "poll-5s")


def one(value):
    return Interval(value, value, value, 1)


def several(value):
    return Interval(value, value * 0.8, value * 1.25, 5)


def point(way, staleness, cost, name=None, spread=several):
    return Point(way, [name or way, "100 % seen"], spread(staleness), spread(cost))


def over(*points, name="c", alt="what it finds"):
    return charts.over_cost(name, alt, points, "a cost", ((0, 300), (1, 3000)))


def texts(svg):
    return [
        "".join(node.itertext()) for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("}text")
    ]


def drawn(way):
    """Draw one way in every chart that tells ways apart."""
    bins = [(1.0, 2.0, 0.5), (2.0, 4.0, 0.5)]
    return over(point(way, 5, 50)), charts.spread("s", "alt", [Strip(way, way, "note", bins, 2, 4)])


def everything(name=HOSTILE):
    """Draw each kind of chart with this name in it wherever a server's name may stand."""
    curve = [(100.0, 5.0), (200.0, 9.0), (300.0, 120.0)]
    return [
        over(point("sse", 5, 50, name), name="a", alt=name),
        charts.spread("b", name, [Strip(name, canvas.plain(name), name, [(1.0, 2.0, 1.0)], 1.2, 1.9)]),
        charts.per_server("c", name, [Row(name, "note", [one(3), one(9)]), Row(name, "", [], "void")], "ms"),
        charts.climb("d", name, [Curve(name, [canvas.plain(name)], curve)], 100.0),
        charts.on_paper("e", name, curve, Law(20.0, 0.001, 1e-6)),
    ]


def test_a_hostile_name_stays_text_in_every_chart():
    for svg in everything():
        root = ElementTree.fromstring(svg)  # well-formed, so nothing broke out
        assert not [node for node in root.iter() if node.tag.endswith("}script")]
        assert "<script" not in svg and "\x1b" not in svg and "\u202e" not in svg
        assert "<script>alert(1)</script>" in root.attrib["aria-label"]
    assert "$x^2$ <script>alert(1)</script" in "".join(texts(everything()[2]))  # no mathematics


def test_a_megabyte_of_a_name_makes_no_megabyte_of_a_chart():
    assert max(len(svg) for svg in everything("$" * 1_000_000)) < 60_000


def test_glyphs_that_no_font_here_has_are_the_browsers_to_draw():
    assert "\U0001f680" in "".join(texts(everything("\U0001f680 \u0e01\u4e2d")[2]))


def test_no_id_of_two_charts_collides_and_each_reference_finds_its_own():
    both = [over(point("sse", 5, 50), point("poll-1s", 500, 20), name=name) for name in ("one", "two")]
    ids = [re.findall(r' id="([^"]+)"', svg) for svg in both]
    assert ids[0] and not set(ids[0]) & set(ids[1])
    for own, svg in zip(ids, both, strict=True):
        assert len(own) == len(set(own))
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', svg)) <= set(own)


def test_the_same_chart_is_the_same_text_each_time():
    assert over(point("sse", 5, 50)) == over(point("sse", 5, 50))


def test_the_words_take_the_pages_own_colour_and_size_follows_the_page():
    svg = over(point("sse", 5, 50))
    assert "currentColor" in svg and not re.search("|".join(canvas.BECOMES), svg)
    root = ElementTree.fromstring(svg)
    assert "width" not in root.attrib and root.attrib["viewBox"].startswith("0 0 324 ")
    assert (root.attrib["role"], root.attrib["aria-label"]) == ("img", "what it finds")
    assert "<style" not in svg and "DejaVu" not in svg and "metadata" not in svg


@pytest.mark.parametrize("way", WAYS)
def test_a_transport_has_its_colour_in_every_chart(way):
    others = {colour.lower() for name, colour in charts.COLOURS.items() if name != way}
    for svg in drawn(way):
        assert charts.COLOURS[way].lower() in svg.lower()
        assert not {colour for colour in others if colour in svg.lower()}


def test_no_two_transports_share_a_colour_or_a_mark():
    assert len({charts.colour(way) for way in WAYS}) == len({charts.MARKS[way] for way in WAYS}) == len(WAYS)


def test_a_servers_chart_has_the_colour_of_what_it_was_measured_by():
    svg = charts.per_server("c", "alt", [Row("a", "", [several(3)])], "ms")
    assert charts.COLOURS["sse"].lower() in svg.lower()


def bars(svg, colour):
    """Give the lengths of a colour's straight lines."""
    found = []
    for node in ElementTree.fromstring(svg).iter():
        if node.tag.endswith("}path") and f"stroke: {colour}" in node.attrib.get("style", ""):
            ends = [float(value) for value in re.findall(r"-?[\d.]+", node.attrib["d"])]
            if len(ends) == 4:
                found.append(abs(ends[2] - ends[0]) + abs(ends[3] - ends[1]))
    return found


def test_one_trial_gives_no_error_bar_and_five_give_two():
    colour = charts.COLOURS["sse"].lower()
    assert not [length for length in bars(over(point("sse", 5, 50, spread=one)).lower(), colour) if length]
    assert len([length for length in bars(over(point("sse", 5, 50)).lower(), colour) if length > 2]) == 2


def boxes(svg):
    """Give the boxes of a chart's texts as wide as the widest font makes them."""
    found = []
    for node in ElementTree.fromstring(svg).iter():
        if node.tag.endswith("}text"):
            text, style = "".join(node.itertext()), node.attrib["style"]
            if not (at := re.search(r"translate\(([-\d.]+) ([-\d.]+)\)", node.attrib.get("transform", ""))):
                at = (None, node.attrib["x"], node.attrib["y"])
            x, y, width = float(at[1]), float(at[2]), labels.width_pt(text)
            left = x - width * (1 if "anchor: end" in style else 0.5 if "anchor: middle" in style else 0)
            found.append((text, left, y - 8, left + width, y + 1))
    return found


def overlaps(svg):
    return [
        (one[0], other[0]) for one, other in itertools.combinations(boxes(svg), 2)
        if min(one[3], other[3]) - max(one[1], other[1]) > 1 and min(one[4], other[4]) - max(one[2], other[2]) > 1
    ]  # fmt: skip


@pytest.mark.parametrize("apart", [1.0, 1.02, 1.5, 4.0])
def test_no_label_covers_another_however_close_the_points_are(apart):
    points = [point(way, 5 * apart**n, 40 * apart**n, f"polling {n} s", one) for n, way in enumerate(WAYS)]
    most = points[-1].cost.high
    svg = charts.over_cost("c", "alt", points, "a cost", ((0, most), (5, points[-1].staleness.high)))
    assert len(boxes(svg)) > 12
    assert overlaps(svg) == []
    assert all(left >= -1 and right <= canvas.WIDTH_PT + 1 for _, left, _, right, _ in boxes(svg))


def test_no_label_of_eight_servers_climbs_covers_another():
    curves = [
        Curve(f"framework_server_{n}", [f"framework_server_{n}"], [(100.0 * k, 10.0 + k * n + n) for k in range(1, 4 + n)])
        for n in range(8)
    ]  # fmt: skip
    assert overlaps(charts.climb("d", "alt", curves, 60.0)) == []


@pytest.mark.parametrize("values", [(1.0, 1.0), (0.02, 9000.0), (3.0, 3.1), (1e-3, 1e6)])
def test_a_row_of_figures_stays_within_its_chart(values):
    rows = [
        Row("a_server", "100 % seen, rank 1, tied", [several(values[0]), several(values[1])]),
        Row("b", "", [several(values[1])]),
    ]
    svg = charts.per_server("c", "alt", rows, "ms", series=("p50", "p99"))
    assert all(left >= -1 and right <= canvas.WIDTH_PT + 1 for _, left, _, right, _ in boxes(svg))


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (2, 900, [3, 10, 30, 100, 300]),
        (15, 40, [15, 20, 25, 30, 40]),
        (0.001, 1e6, [0.01, 1, 100, 10_000, 1e6]),
    ],
)
def test_ticks_are_round_and_few(low, high, found):
    assert canvas.ticks(low, high) == pytest.approx(found)


def test_ticks_are_written_for_people():
    assert [canvas.tick(value) for value in (0, 0.25, 3, 1000, 1_000_000)] == [
        "0",
        "0.25",
        "3",
        "1,000",
        "1M",
    ]


def test_what_nobody_measured_is_dashed_and_says_on_paper():
    svg = charts.on_paper(
        "e", "alt", [(100.0, 1900.0), (400.0, 6000.0), (800.0, 7000.0)], Law(20.0, 0.001, 1e-6)
    )
    assert "on paper" in texts(svg) and "measured" in texts(svg) and "1M" in texts(svg)
    assert svg.count("stroke-dasharray") == 1
    steep = charts.on_paper("e", "alt", [(100.0, 1900.0), (900.0, 15000.0)], Law(20.0, 1e-4, 1e-9))
    assert "100,000" in texts(steep) and all(left >= -1 for _, left, *_ in boxes(steep))
