"""Who is here: streams counted by name, and everyone who must be woken when the server stops."""

import threading
from collections import OrderedDict

from .drive import Wake

_MOST_NAMES = 10_000


class Presence:
    """Count streams as opened and closed, and end them all at `stop`."""

    def __init__(self) -> None:
        self.stopping = False
        self._wakes: set[Wake] = set()
        self._counts: OrderedDict[str, list[int]] = OrderedDict()
        self._total = [0, 0]
        self._lock = threading.Lock()

    def enter(self, name: str, wake: Wake) -> None:
        """Count a stream as opened."""
        with self._lock:
            self._total[0] += 1
            self._counts.setdefault(name, [0, 0])[0] += 1
            if len(self._counts) > _MOST_NAMES:
                self._counts.popitem(last=False)
        self.watch(wake)

    def leave(self, name: str, wake: Wake) -> None:
        """Count a stream as closed: its clean-up has run."""
        with self._lock:
            self._total[1] += 1
            if name in self._counts:
                self._counts[name][1] += 1
        self.unwatch(wake)

    def count(self, name: str | None) -> dict[str, int]:
        """Give how many streams of this name (None: of any) were opened, were closed and are open."""
        with self._lock:
            opened, closed = self._total if name is None else self._counts.get(name, (0, 0))
        return _told(opened, closed)

    def names(self, prefix: str) -> dict[str, dict[str, int]]:
        """Count every name that begins so, all at one moment."""
        with self._lock:
            return {name: _told(*count) for name, count in self._counts.items() if name.startswith(prefix)}

    def watch(self, wake: Wake) -> None:
        """Wake someone when the server stops; at once if it is stopping."""
        self._wakes.add(wake)
        if self.stopping:
            wake.set()

    def unwatch(self, wake: Wake) -> None:
        self._wakes.discard(wake)

    def stop(self) -> None:
        """End every stream and every long-poll; call it in the event loop's thread, if there is one."""
        self.stopping = True
        for wake in list(self._wakes):
            wake.set()


def _told(opened: int, closed: int) -> dict[str, int]:
    return {"open": opened - closed, "opened": opened, "closed": closed}
