"""What is opened before a server's first case, because it has to be old, or quiet for long, when it is judged."""

import contextlib
from inspect import signature

import pytest

OLD = {"lasting", "together"}  # what gives a case a stream that was opened at the start


def pytest_collection_modifyitems(items):
    """Put last, of each server's cases, those that judge a story, and before them those that judge what has to be old.

    So the others fill the wait for it.
    """
    subjects = list(dict.fromkeys(item.callspec.params["subject"] for item in items))

    def place(item):
        waits = not OLD.isdisjoint(item._fixtureinfo.argnames)
        return subjects.index(item.callspec.params["subject"]), judges_a_story(item), waits

    items.sort(key=place)


def judges_a_story(item):
    return not getattr(item.module, "BESIDE", {}).keys().isdisjoint(item.fixturenames)


@pytest.fixture(scope="session", autouse=True)
def opened_at_the_start(request, subject, lasting, aside):
    """Open what the chosen modules name in AT_THE_START, {name: opening}; their cases get it by `lasting`.

    An opening takes the server and, after it, what fixtures of the session it names.

    And begin what they name in BESIDE, {fixture: story}, where a chosen case asks for that fixture.
    """
    chosen = [
        item for item in request.session.items if item.callspec.params["subject"] == subject.script.stem
    ]
    modules = dict.fromkeys(item.module for item in chosen)
    asked_for = {name for item in chosen for name in item.fixturenames}
    for module in modules:
        for name, story in getattr(module, "BESIDE", {}).items():
            if name in asked_for:
                aside(name, story)
        for name, opening in getattr(module, "AT_THE_START", {}).items():
            with contextlib.suppress(Exception):  # the case that asks for it is told
                more = [request.getfixturevalue(each) for each in list(signature(opening).parameters)[1:]]
                lasting(name, lambda server, opening=opening, more=more: opening(server, *more))
