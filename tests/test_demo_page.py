"""The page at `/` as headless Chromium runs it, on the reference: each demonstration moves, and nothing else does.

What is found to be missing, and what then happens, is said in test_seen.py. Rule of the file: a test waits for what it
expects (within WITHIN_MS, on a busy machine), never for a time. It waits for functions, not for expressions: the page's
policy lets nothing evaluate text.
"""

import pytest

from sseproof.launch import find, launch
from tests.test_seen import AXE, chromium, lacking

WITHIN_MS = 20_000
[REFERENCE] = find(["stdlib_asyncio"])
DEMOS = ["clock", "system", "stocks", "training", "progress", "pipeline", "resilient", "counter"]
ENDING = ["training", "progress", "pipeline", "resilient"]
HOSTILE = "hello <img src=x onerror=alert(1)><script>alert(2)</script>"
__all__ = ["chromium"]  # the fixture

STATES = """() => Object.fromEntries(
    [...document.querySelectorAll('[data-demo]')].map(card => [card.dataset.demo, card.dataset.state]))"""
READ = """([bytes, cuts]) => {
    const events = [], reader = new EventReader(event => events.push([event.type, event.data, event.lastEventId]));
    const all = new Uint8Array(bytes);
    cuts.forEach((cut, at) => reader.feed(all.subarray(cut, cuts[at + 1] ?? all.length)));
    return events;
}"""


@pytest.fixture(scope="module")
def server():
    with launch(REFERENCE, "--ping", "0.5", "--retry", "100") as running:
        yield running


@pytest.fixture
def visit(chromium, server):
    """Open the page; `seen` on it is all that went wrong, and all that was asked of another host."""
    contexts = []

    def open_page(query="?start=", width=1280, theme="light", of=server):
        origin = f"http://{of.host}:{of.port}/"
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        context.set_default_timeout(WITHIN_MS)
        contexts.append(context)
        tab = context.new_page()
        tab.seen, tab.asked = [], []
        tab.on("console", lambda message: tab.seen.append(message.text))
        tab.on("pageerror", lambda error: tab.seen.append(str(error)))
        tab.on("dialog", lambda dialog: (tab.seen.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.goto(origin + query)
        tab.others = lambda: [url for url in tab.asked if not url.startswith((origin, "data:"))]
        return tab

    yield open_page
    for context in contexts:
        context.close()


def until(tab, name, *states):
    """Wait until a card is in one of these states."""
    found = "([name, states]) => states.includes(document.getElementById(name).dataset.state)"
    tab.wait_for_function(found, arg=[name, states])


def moves(tab, name):
    """Wait until what a card shows has changed twice."""
    for _ in range(2):
        before = tab.locator(f"#{name} .value").text_content()
        tab.wait_for_function(
            "([name, before]) => document.querySelector(`#${name} .value`).textContent !== before",
            arg=[name, before],
        )


def say(tab, message):
    tab.locator("#message").fill(message)
    tab.locator("#send").click()


@pytest.mark.parametrize("name", DEMOS)
def test_each_demonstration_moves_once_it_is_started_and_stops(visit, name):
    tab = visit("?start=&speed=3")
    assert tab.evaluate(STATES)[name] == "off"
    tab.locator(f"#{name} .switch").click()
    until(tab, name, "live")
    moves(tab, name)
    if name not in ENDING:
        tab.locator(f"#{name} .switch").click()
        until(tab, name, "off")
    assert (tab.seen, tab.others()) == ([], [])


@pytest.mark.parametrize("name", ENDING)
def test_a_stream_that_204_ended_is_shown_as_ended(visit, name):
    tab = visit("?start=&speed=50")
    tab.locator(f"#{name} .switch").click()
    until(tab, name, "ended")
    assert tab.locator(f"#{name} .switch").text_content() == "Start"
    assert "204" in tab.locator(f"#{name} .note").text_content()
    if name != "resilient":
        assert tab.locator(f"#{name}-bar").evaluate("bar => bar.value") == 100


def test_the_tiles_turn_green_and_red(visit):
    tab = visit("?start=stocks&speed=10")
    colours = """() => {
        const found = ['up', 'down'].map(move => document.querySelector(`[data-move=${move}]`));
        return found.every(Boolean) && found.map(tile => getComputedStyle(tile).color.match(/\\d+/g).map(Number));
    }"""
    up, down = tab.wait_for_function(colours).json_value()
    assert up[1] > up[0] and down[0] > down[1]  # of red, green and blue


def test_the_system_monitor_has_two_bars_that_show_what_is_sent(visit):
    tab = visit("?start=system&speed=10")
    moves(tab, "system")
    assert 0 <= tab.locator("#cpu").evaluate("bar => bar.value") <= 100
    assert 0 < tab.locator("#memory").evaluate("bar => bar.value") <= 100


def test_a_stopped_stream_goes_on_where_it_was(visit):
    tab = visit("?start=resilient&speed=0.5")
    moves(tab, "resilient")
    tab.locator("#resilient .switch").click()
    stopped = int(tab.locator("#resilient .value").text_content())
    tab.locator("#resilient .switch").click()
    moves(tab, "resilient")
    assert int(tab.locator("#resilient .value").text_content()) > stopped
    assert tab.locator("#resilient .detail").text_content() == "None missing, none twice."


def test_the_chat_types_its_answer_and_shows_text_as_text(visit):
    tab = visit("?start=&rate=100")
    say(tab, HOSTILE)
    until(tab, "chat", "ended")
    assert tab.locator("#chat .mine").all_text_contents() == [HOSTILE]
    [answer] = tab.locator("#chat .theirs").all_text_contents()
    assert len(answer.split()) >= 12 and answer.endswith(".")
    assert tab.locator("img").count() == 0 and tab.locator("script").count() == 1
    assert (tab.seen, tab.others()) == ([], [])


def test_what_a_server_sends_is_text_and_never_html(visit):
    tab = visit()
    body = f"event: token\ndata: {HOSTILE}\n\nevent: done\ndata: [DONE]\n\n"
    tab.route("**/events/chat", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
    tab.route(
        "**/events/clock",
        lambda route: route.fulfill(body=f"data: {HOSTILE}\n\n", content_type="text/event-stream"),
    )
    say(tab, "hi")
    until(tab, "chat", "ended")
    tab.locator("#clock .switch").click()
    tab.wait_for_function("() => document.querySelector('#clock .value').textContent.includes('<img')")
    assert tab.locator("#chat .theirs").text_content() == HOSTILE
    assert tab.locator("#clock .value").text_content() == HOSTILE
    assert tab.locator("img").count() == 0 and tab.locator("script").count() == 1
    assert tab.seen == []


def test_the_chat_can_be_cancelled_and_asked_again(visit):
    tab = visit("?start=&rate=2")
    say(tab, "one")
    tab.wait_for_function("() => document.querySelector('.theirs').textContent !== ''")
    tab.locator("#cancel").click()
    until(tab, "chat", "ended")
    assert tab.locator("#chat .note").text_content() == "Cancelled."
    assert tab.locator("#open").get_attribute("data-open") == "0"
    say(tab, "two")
    until(tab, "chat", "live")
    assert tab.locator("#chat .mine").all_text_contents() == ["one", "two"]
    assert tab.seen == []


def test_what_the_chat_is_refused_is_said(visit):
    tab = visit("?start=&rate=nope")
    say(tab, "hi")
    until(tab, "chat", "ended")
    assert "422: rate is 'nope'" in tab.locator("#chat .note").text_content()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("data: a\n\n", [["message", "a", ""]]),
        ("data: a\rdata:b\r\rdata: c\r\n\r\n", [["message", "a\nb", ""], ["message", "c", ""]]),
        (
            "\ufeffid: é\nevent: x\ndata: €😀\n\ndata:  y\n\n",
            [["x", "€😀", "é"], ["message", " y", "é"]],
        ),
        (": no\nevent: x\n\ndata\n\nid: a\0b\ndata\ndata\n\n", [["message", "", ""], ["message", "\n", ""]]),
        ("data: whole\r\n\r\ndata: not\r\n", [["message", "whole", ""]]),
        ("nonsense: 1\ndata:a:b\u2028c\n\n", [["message", "a:b\u2028c", ""]]),
    ],
)
def test_the_chat_reads_a_stream_however_it_is_cut(visit, sent, expected):
    tab = visit()
    sent = sent.encode()
    pieces = [[0], list(range(len(sent))), *([0, cut] for cut in range(1, len(sent)))]
    for cuts in pieces:
        assert tab.evaluate(READ, [list(sent), cuts]) == expected, cuts


def test_no_more_than_four_streams_are_open_and_every_button_works(visit):
    tab = visit("?start=")
    for name in DEMOS[:3]:
        tab.locator(f"#{name} .switch").click()
        until(tab, name, "live")
    for at, name in enumerate(["counter", "progress"]):  # of which the second asks for a session first
        tab.locator(f"#{name} .switch").click()
        until(tab, name, "live")
        assert tab.locator("#open").get_attribute("data-open") == "4", at
    assert tab.evaluate(STATES)["clock"] == "off"
    assert "Session" in tab.locator("#clock .note").text_content()
    say(tab, "hi")
    until(tab, "chat", "live", "ended")
    assert tab.evaluate(STATES)["system"] == "off"


def test_a_tab_that_nobody_sees_gives_its_streams_back(visit):
    tab = visit("?start=clock,counter")
    until(tab, "counter", "live")
    hide = """hidden => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    tab.evaluate(hide, True)
    assert tab.locator("#open").get_attribute("data-open") == "0"
    tab.evaluate(hide, False)
    until(tab, "clock", "live")
    until(tab, "counter", "live")


def test_a_server_that_is_gone_is_shown_as_reconnecting(visit):
    with launch(REFERENCE, "--ping", "0.5", "--retry", "100") as brief:
        tab = visit("?start=clock", of=brief)
        until(tab, "clock", "live")
    until(tab, "clock", "reconnecting")


def test_a_stream_that_the_server_refuses_is_shown_as_ended(visit):
    tab = visit("?start=clock&speed=nope")
    until(tab, "clock", "ended")
    assert tab.locator("#clock .note").text_content() == "The server did not open this stream."


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_is_quiet_and_asks_nobody_else(visit, width, theme):
    tab = visit("", width, theme)
    until(tab, "stocks", "live")
    say(tab, "x" * 300)
    until(tab, "chat", "live", "ended")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert (tab.seen, tab.others()) == ([], [])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_accessible(visit, theme):
    if not AXE.is_file():
        lacking("axe-core", "npm install --no-save axe-core")
    tab = visit("?start=stocks&rate=1000", theme=theme)
    tab.wait_for_selector("[data-move=up]")
    say(tab, "hi")
    until(tab, "chat", "ended")
    tab.evaluate(AXE.read_text("utf-8"))
    violations = tab.evaluate("axe.run().then(found => found.violations)")
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in violations] == []


def test_a_card_is_started_by_keyboard_and_named_for_a_screen_reader(visit):
    tab = visit()
    switch = tab.get_by_role("button", name="Start Clock")
    switch.focus()
    tab.keyboard.press("Enter")
    until(tab, "clock", "live")
    assert tab.get_by_role("button", name="Stop Clock").evaluate(
        "button => button === document.activeElement"
    )
    assert tab.locator("#said").text_content() == "Clock: live."
