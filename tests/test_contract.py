"""What is required of the contract, without a socket: plans are generators, so they are asked step by step."""

import asyncio
import base64
import hashlib
import json
import re
import threading
import time

import pytest
from contract.drive import BlockingWake, Stream, wait_for_blocking
from contract.echo import ScriptFailed, echo
from contract.event import Event, encode, unfit
from contract.message import Refusal, Request, read_body
from contract.options import read_options
from contract.service import STREAMS, Service
from contract.sessions import Sessions
from contract.ticks import ticks

from sseproof import wire


def request(path="/", method="GET", query=None, headers=None, body=b""):
    return Request(method, path, query or {}, headers or {}, body)


def service(*arguments, **more):
    return Service(framework="x", http_server="x", options=read_options(list(arguments)), **more)


def take(plan, count):
    """Run a plan until it has given so many events, without waiting for any to be due."""
    events = []
    for _, event in plan(BlockingWake()):
        events += [] if event is None else [event]
        if len(events) == count:
            break
    return events


def published(hub, topic, *items):
    return wait_for_blocking(lambda wake: hub.publish(topic, [(item, None) for item in items]))


class TestEncoder:
    @pytest.mark.parametrize(
        "event",
        [
            Event("a\nb\r\nc\rd"),
            Event(" leading"),
            Event(""),
            Event("\n"),
            Event("data: x\n\nevent: y"),
            Event("\ufeffx\u2028y", event="é", id="ü"),
        ],
    )
    def test_the_oracle_reads_what_it_writes(self, event):
        data = event.data.replace("\r\n", "\n").replace("\r", "\n")
        assert wire.decode(encode(event)) == [wire.Event(data, event.event or "message", event.id or "")]

    @pytest.mark.parametrize(
        ("event", "reason"),
        [
            (Event(event="a\nb"), "event holds an end of line"),
            (Event(id="a\rb"), "id holds an end of line"),
            (Event(id="a\0b"), "id holds a NUL"),
            (Event(event=7), "event is no text"),
            (Event(retry=-1), "retry is no whole number"),
            (Event(retry=1.5), "retry is no whole number"),
            (Event(retry=True), "retry is no whole number"),
            (Event(retry="1"), "retry is no whole number"),
            (Event(data="\ud800"), "data holds a lone surrogate"),
            (Event(comment="\ud800"), "comment holds a lone surrogate"),
        ],
    )
    def test_what_no_wire_carries_is_said(self, event, reason):
        assert reason in str(unfit(event))

    def test_what_a_wire_carries_is_fit(self):
        assert unfit(Event(data="a\nb\0", event="é x", id="", retry=0, comment="a\nb")) is None


class TestRequest:
    @pytest.mark.parametrize("sent", ["", "a", "-1", "2000", "nan", "inf"])
    def test_a_bad_number_is_refused_by_name(self, sent):
        asked = request(query={"interval": sent or "x"})
        with pytest.raises(Refusal) as refusal:
            asked.number("interval", 1, 0, 1000)
        assert (refusal.value.answer.status, "interval" in str(refusal.value)) == (422, True)

    def test_the_last_event_id_is_utf_8_and_goes_before_after(self):
        sent = "é-1".encode().decode("latin-1")
        assert request(headers={"last-event-id": sent}, query={"after": "2"}).last_event_id == "é-1"
        assert request(query={"after": "2"}).last_event_id == "2"

    def test_a_body_is_refused_before_all_of_it_is_read(self):
        async def chunks():
            for _ in range(3):
                yield b"x" * 2**20
            pytest.fail("read on")

        with pytest.raises(Refusal) as refusal:
            asyncio.run(read_body("/json/topic", {}, chunks()))
        assert refusal.value.answer.status == 413

    def test_a_body_is_refused_by_its_announced_length_alone(self):
        async def chunks():
            pytest.fail("read on")
            yield b""

        with pytest.raises(Refusal):
            asyncio.run(read_body("/json/topic", {"content-length": str(2**20 + 1)}, chunks()))


class TestEcho:
    @pytest.mark.parametrize(
        "script",
        [
            "{",
            "{}",
            "1",
            "[1]",
            '[{"dta":1}]',
            '[{"after":-1}]',
            '[{"after":true}]',
            '[{"fail":1}]',
            "[" * 9999,
        ],
    )
    def test_what_is_no_script_is_refused(self, script):
        with pytest.raises(Refusal) as refusal:
            echo(request(query={"script": script}), False)
        assert refusal.value.answer.status == 422

    def test_what_no_wire_carries_is_refused_only_where_the_encoder_is_ours(self):
        asked = request(method="POST", body=b'[{"id":"a\\nb"}]')
        assert take(echo(asked, False), 1) == [Event(id="a\nb")]
        with pytest.raises(Refusal, match="id holds an end of line"):
            echo(asked, True)

    def test_a_script_can_raise(self):
        plan = echo(request(method="POST", body=b'[{"data":"x"},{"fail":true}]'), True)
        with pytest.raises(ScriptFailed):
            take(plan, 2)


class TestSessions:
    def ask(self, session, after=None):
        return request(query={"session": session}, headers={"last-event-id": after} if after else {})

    def test_two_streams_of_one_session_see_the_same(self):
        sessions = Sessions(10, 60)
        id = sessions.make()

        def run():
            return take(sessions.progress(self.ask(id), None, 1e9), 1000)

        first = run()
        assert [first[0].id, first[-1].id] == ["0", "100"]
        resumed = sessions.progress(self.ask(id), first[3].id, 1e9)
        assert take(resumed, 1000) == first[4:]

    def test_who_has_seen_the_end_gets_204_and_an_unknown_session_404(self):
        sessions = Sessions(10, 60)
        id = sessions.make()
        take(sessions.progress(self.ask(id), None, 1e9), 1000)
        for asked, status in [((id, "100"), 204), (("nonsense", None), 404)]:
            with pytest.raises(Refusal) as refusal:
                sessions.progress(self.ask(asked[0]), asked[1], 1)
            assert refusal.value.answer.status == status

    def test_sessions_are_bounded_until_one_expires(self):
        full = Sessions(1, 3600)
        full.make()
        with pytest.raises(Refusal) as refusal:
            full.make()
        assert (refusal.value.answer.status, refusal.value.answer.headers["Retry-After"]) == (503, "3600")
        brief = Sessions(1, 0)
        assert brief.make() != brief.make()


class TestStreams:
    def test_ticks_resume_by_arithmetic_and_are_never_early(self):
        now = int(time.time() / 0.001)
        plan = ticks(request(query={"interval": "0.001", "after": str(now - 5), "count": "6"}), 100)
        found = [json.loads(event.data) for event in take(plan, 6)]
        assert [tick["n"] for tick in found] == list(range(now - 4, now + 2))
        assert all(tick["sent_ns"] >= tick["due_ns"] == tick["n"] * 1_000_000 for tick in found)

    def test_every_stream_but_echo_begins_with_the_reconnection_time_alone(self):
        it = service("--retry", "77")
        queries = {"topic": {"topic": "t"}, "progress": {"session": it.sessions.make()}}
        for name in set(STREAMS) - {"echo", "chat"}:
            stream = it.stream(request(f"/events/{name}", query=queries.get(name)))
            assert next(iter(stream)) == Event(retry=77), name

    def test_a_stream_counts_from_its_first_event_until_its_clean_up(self):
        it = service()
        stream = it.stream(request("/events/counter", query={"as": "me"}))
        assert it.presence.count("me") == {"open": 0, "opened": 0, "closed": 0}
        events = iter(stream)
        next(events)
        assert it.presence.count("me") == {"open": 1, "opened": 1, "closed": 0}
        events.close()
        assert it.presence.count("me") == {"open": 0, "opened": 1, "closed": 1}

    def test_a_quiet_stream_is_given_comments_and_ends_when_the_server_stops(self):
        it = service("--ping", "0.05")
        stream = iter(it.stream(request("/events/topic", query={"topic": "t"})))
        assert [next(stream), next(stream), next(stream)] == [
            Event(retry=1000),
            Event(comment="ping"),
            Event(comment="ping"),
        ]
        it.stop()
        assert list(stream) == []

    def test_the_async_loop_sends_what_the_blocking_one_sends(self):
        it = service()
        asked = request("/events/chat", "POST", {"rate": "10000"}, body=b'{"message":"hi"}')

        async def collect():
            return [event async for event in it.stream(asked)]

        assert asyncio.run(collect()) == list(it.stream(asked))
        assert isinstance(it.stream(asked), Stream)

    @pytest.mark.parametrize(
        ("path", "method", "status"),
        [
            ("/events/nope", "GET", 404),
            ("/nope", "GET", 404),
            ("/json/nope", "GET", 404),
            ("/events/chat", "GET", 405),
            ("/events/ticks", "POST", 405),
            ("/json/session", "GET", 405),
        ],
    )
    def test_a_wrong_name_or_method_is_refused(self, path, method, status):
        it = service()
        with pytest.raises(Refusal) as refusal:
            if path.startswith("/events"):
                it.stream(request(path, method))
            else:
                it.answer_blocking(request(path, method))
        assert refusal.value.answer.status == status

    def test_a_list_with_one_bad_item_publishes_nothing(self):
        it = service()
        with pytest.raises(Refusal):
            it.answer_blocking(
                request("/json/topic", "POST", {"topic": "t"}, body=b'[{"data":1},{"event":"x"}]')
            )
        found = it.answer_blocking(request("/json/topic", query={"topic": "t"}))
        assert found.value["events"] == []

    def test_a_poll_of_an_empty_topic_gives_a_place_to_go_on_from(self):
        it = service()
        place = it.answer_blocking(request("/json/topic", query={"topic": "t"})).value["last"]
        published(it.hub, "t", "a")
        found = it.answer_blocking(request("/json/topic", query={"topic": "t", "after": place}))
        assert [event["data"] for event in found.value["events"]] == ["a"]

    def test_a_long_poll_waits_for_the_next_event(self):
        it = service()
        (id,) = published(it.hub, "t", "a")
        asked = request("/json/topic", query={"topic": "t", "after": id, "wait": "30"})
        found = []
        poll = threading.Thread(target=lambda: found.append(it.answer_blocking(asked)))
        poll.start()
        while not it.hub._topics["t"].mailboxes:
            time.sleep(0.001)
        published(it.hub, "t", "b")
        poll.join(10)
        assert [event["data"] for event in found[0].value["events"]] == ["b"]


class TestPage:
    def test_it_is_html_whose_policy_admits_its_own_script_and_style_only(self):
        answer = service().answer_blocking(request("/"))
        headers, html = answer.all_headers, answer.body.decode()
        assert (answer.status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
        assert (policy["default-src"], policy["connect-src"]) == ("'none'", "'self'")
        for element in ("script", "style"):
            [text] = re.findall(f"<{element}>(.*?)</{element}>", html, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert policy[f"{element}-src"] == f"'sha256-{digest}'"

    def test_it_writes_text_as_text_and_names_no_other_host(self):
        html = service().answer_blocking(request("/")).body.decode()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|\son\w+=", html)
        assert set(re.findall(r"https?://[^'\" )]+", html)) == {
            "http://www.w3.org/2000/svg"
        }  # a name, not a place

    def test_it_shows_every_demonstration(self):
        html = service().answer_blocking(request("/")).body.decode()
        shown = set(re.findall(r'data-demo="(\w+)"', html))
        assert shown == set(STREAMS) - {"echo", "ticks", "topic"}

    def test_head_is_answered_and_another_method_is_not(self):
        assert service().answer_blocking(request("/", "HEAD")).status == 200
        with pytest.raises(Refusal) as refusal:
            service().answer_blocking(request("/", "POST"))
        answer = refusal.value.answer
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


class TestCommandLine:
    @pytest.mark.parametrize(
        "bad", [["--port", "x"], ["--ping", "-1"], ["--history", "0"], ["--broker", "x"], ["--nope"]]
    )
    def test_a_wrong_value_is_one_line_and_exit_2(self, bad, capsys):
        with pytest.raises(SystemExit) as end:
            read_options(bad)
        assert (end.value.code, capsys.readouterr().err.count("\n")) == (2, 1)

    def test_allowed_origins_replace_the_default(self):
        assert read_options([]).allow_origin == {"http://localhost:8080"}
        assert read_options(["--allow-origin", "http://a", "--allow-origin", "http://b"]).allow_origin == {
            "http://a",
            "http://b",
        }
