"""Sessions: a bounded number of progress bars that survive a reconnect and expire when unused."""

import json
import random
import secrets
import threading
import time
from collections.abc import Callable

from .drive import NOW, Plan, Wake
from .event import Event
from .message import Refusal, Request

_STEP_S = 0.5


class Session:
    """Hold the progress of one session: every value it has had, 0 first, 100 last."""

    def __init__(self, id: str):
        self.id = id
        self.values = [0]
        self.used = time.monotonic()
        self.listeners = 0
        self.next_due = 0.0

    def place(self, last_event_id: str | None) -> int:
        """Give the index of the first value a client has not seen; without an id, of the newest one."""
        known = {str(value): index for index, value in enumerate(self.values)}
        return known.get(last_event_id or "", len(self.values) - 2) + 1


class Sessions:
    """Make and find sessions."""

    def __init__(self, most: int, ttl_s: float):
        self._most, self._ttl_s = most, ttl_s
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def make(self) -> str:
        """Make a session and return its id, or refuse with 503."""
        with self._lock:
            self._expire()
            if len(self._sessions) >= self._most:
                wait = str(max(1, round(self._ttl_s)))
                raise Refusal(503, f"all {self._most} sessions are in use", {"Retry-After": wait})
            session = Session(secrets.token_urlsafe(9))
            self._sessions[session.id] = session
            return session.id

    def progress(self, request: Request, last_event_id: str | None, speed: float) -> Callable[[Wake], Plan]:
        """Plan the stream of a session's progress, or refuse: 404 unknown, 204 already seen to its end."""
        with self._lock:
            self._expire()
            session = self._sessions.get(request.query.get("session", ""))
            if session is None:
                raise Refusal(404, "unknown session")
            session.used = time.monotonic()
        if last_event_id == "100" and session.values[-1] == 100:
            raise Refusal(204)

        def plan(wake: Wake) -> Plan:
            with self._lock:
                session.listeners += 1
                if session.listeners == 1:  # it moves only while somebody listens
                    session.next_due = time.time() + _STEP_S / speed
            try:
                at = session.place(last_event_id)
                while True:
                    with self._lock:
                        if at == len(session.values) and time.time() >= session.next_due:
                            session.values.append(min(100, session.values[-1] + random.randint(1, 10)))
                            session.next_due = time.time() + _STEP_S / speed
                        value = session.values[at] if at < len(session.values) else None
                        due = session.next_due
                    if value is None:
                        yield due, None
                        continue
                    at += 1
                    data = json.dumps({"progress": value, "session": session.id})
                    yield NOW, Event(data=data, event="progress", id=str(value))
                    if value == 100:
                        return
            finally:
                with self._lock:
                    session.listeners -= 1
                    session.used = time.monotonic()

        return plan

    def _expire(self) -> None:
        old = time.monotonic() - self._ttl_s
        for session in [s for s in self._sessions.values() if not s.listeners and s.used < old]:
            del self._sessions[session.id]
