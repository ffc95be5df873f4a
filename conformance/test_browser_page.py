"""The page every server shows at `/`, as Chromium runs it: each demonstration moves, and says how its stream is doing.

It is one page for all servers; what differs is who sends what it shows. Rule of the file: a case waits for what it
expects, 10 s at most, never for a time; whatever the console says that nobody expects is a failure of the case.
"""

import re
import secrets

import pytest

pytestmark = pytest.mark.door("browser")

HOSTILE = "hello <img src=x onerror=alert(1)><script>alert(2)</script>"
# A script of seven steps is over in 0.7 s: the page itself notes what a card was and showed, however late one looks.
WATCH = """name => {
  const card = document.getElementById(name), value = () => card.querySelector(".value").textContent;
  window.been = [card.dataset.state];
  window.shown = [value()];
  new MutationObserver(() => {
    if (been.at(-1) !== card.dataset.state) been.push(card.dataset.state);
    if (shown.at(-1) !== value()) shown.push(value());
  }).observe(card, {attributes: true, childList: true, characterData: true, subtree: true});
}"""
STATE = "([name, state]) => document.getElementById(name).dataset.state === state"
DEMOS = ["clock", "system", "stocks", "training", "progress", "pipeline", "resilient", "counter"]
ENDING = ["training", "progress", "pipeline", "resilient"]


def show(page, server, **asked):
    """Open the page with these parameters; nothing begins by itself unless `start` says so."""
    query = "&".join(f"{name}={value}" for name, value in {"start": "", **asked}.items())
    return page.go(f"http://{server.process.host}:{server.process.port}/?{query}")


def states(page):
    """Give the state of each card."""
    return page.ask(
        "() => Object.fromEntries([...document.querySelectorAll('[data-demo]')]"
        ".map(card => [card.dataset.demo, card.dataset.state]))"
    )


def until(page, name, state):
    page.until(STATE, [name, state], f"{name} {state}", lambda: states(page))


def until_it_moves(page, name):
    """Wait until a card that is watched has been live and has shown two more texts."""
    page.until(
        "() => been.includes('live') && shown.length > 2",
        None,
        f"{name} live at some time, and two more texts in it",
        lambda: page.ask("() => [been, shown.map(text => text.slice(0, 80))]"),
    )


def opened(server, name):
    return server.json("GET", f"/json/open?as={name}").value["open"]


def others(page, server):
    """Give what the page has asked of anybody else."""
    ours = f"http://{server.process.host}:{server.process.port}/", "data:", "about:"
    return [url for url in page.asked if not url.startswith(ours)]


@pytest.mark.recommended("#dispatchMessage")
@pytest.mark.parametrize("name", DEMOS)
def test_each_demonstration_moves_once_it_is_started(server, page, name):
    """By its button; and the page needs nothing and nobody else for it."""
    show(page, server, speed=5)
    before = states(page)[name]
    page.ask(WATCH, name)
    page.click(f"#{name} .switch")
    until_it_moves(page, name)
    assert (before, page.said, others(page, server)) == ("off", [], [])


# Words that come all at once may still be shown one after the other, but within some frames.
GROWS = """() => {
  const text = document.querySelector("#chat[data-state=live] .theirs")?.textContent;
  if (!text || text.endsWith(".")) return false;
  window.before ??= [text, performance.now()];
  return text !== window.before[0] && performance.now() - window.before[1] >= 300;
}"""


@pytest.mark.recommended("#dispatchMessage")
def test_the_chat_types_its_answer(server, page):
    """Word by word, to its end; EventSource cannot POST, so the page reads the stream itself."""
    show(page, server, rate=5)
    page.fill("#message", "Is it short 80?")  # is answered by twelve words and a full stop
    page.click("#send")
    page.until(
        GROWS,
        None,
        "an answer that has grown over 0.3 s while more of it is to come",
        lambda: [states(page)["chat"], *page.texts("#chat .log p")],
    )
    until(page, "chat", "ended")
    [answer] = page.texts("#chat .theirs")
    assert (len(answer.split()) >= 12, answer[-1:], page.said) == (True, ".", [])


@pytest.mark.required("#dispatchMessage")
def test_markup_in_the_chat_is_text(server, page):
    """Taken for HTML, what one user writes would run in the browser of another."""
    show(page, server, rate=1000)
    page.fill("#message", HOSTILE)
    page.click("#send")
    until(page, "chat", "ended")
    found = page.texts("#chat .mine"), page.count("#chat img"), page.count("#chat script"), page.said
    assert found == ([HOSTILE], 0, 0, [])


@pytest.mark.recommended("#sse-processing-model")
def test_streams_that_have_ended_are_shown_as_ended(server, page):
    """204 closes an EventSource: the page says so, instead of waiting for what will not come."""
    show(page, server, start=",".join(ENDING), speed=100)
    for name in ENDING:
        until(page, name, "ended")
    assert {name: "204" in page.text(f"#{name} .note") for name in ENDING} == dict.fromkeys(ENDING, True)


@pytest.mark.recommended("#dom-eventsource-close")
def test_a_stopped_demonstration_is_over_at_the_server_too(server, page, within):
    """A button that only stops showing would leave the server counting for nobody."""
    name = f"stopped-{secrets.token_hex(4)}"
    show(page, server, start="counter", **{"as": name})
    until(page, "counter", "live")
    before = opened(server, name)
    page.click("#counter .switch")
    until(page, "counter", "off")
    within(lambda: opened(server, name) == 0, "0 streams open after Stop")
    assert before == 1


@pytest.mark.recommended("RFC 9112 section 9.5")
def test_a_page_that_is_left_closes_its_streams_and_opens_them_on_return(server, page, relay, within):
    """Kept in the cache for the way back, a page would hold its streams, and one of six connections with each."""
    between, name = relay(server), f"left-{secrets.token_hex(4)}"
    between.bend(
        lambda head: re.sub(rb"(?i)\r\ncache-control:[^\r]*", b"", head)
    )  # no-store keeps it from the cache
    page.go(f"{between.origin}/?start=clock,counter&as={name}")
    until(page, "clock", "live")
    until(page, "counter", "live")
    page.ask("() => { globalThis.kept = true; }")
    page.go(f"{between.origin}/json/about")
    within(lambda: opened(server, name) == 0, "0 streams open after the page was left")
    page.back()
    until(page, "clock", "live")
    until(page, "counter", "live")
    assert (page.ask("() => globalThis.kept"), opened(server, name)) == (True, 2)


@pytest.mark.recommended("#reestablish-the-connection")
def test_the_page_says_that_its_server_is_gone_and_that_it_is_back(server, page, second):
    """Who looks at figures wants to know whether they are of now; and when the server is back, so are they."""
    there = second()
    show(page, there, start="counter,resilient")
    until(page, "counter", "live")
    until(page, "resilient", "live")
    there.process.kill()
    until(page, "counter", "reconnecting")
    until(page, "resilient", "reconnecting")
    again = second("--port", str(there.process.port))
    until(page, "counter", "live")
    until(page, "resilient", "live")
    page.ask(WATCH, "resilient")
    until_it_moves(page, "resilient")
    assert page.text("#resilient .detail") == "None missing, none twice."
    assert again.process.alive
