# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Listens to what comes only after it has replayed, if that is more than fifty events."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_after_an_id_come_exactly_the_events_missed_once_and_in_order[1500]",
    "test_nothing_is_lost_or_doubled_while_reconnecting_under_fire",
    "test_what_is_published_during_a_replay_comes_behind_it_once",
}
MAY_TRIP = {"test_the_id_right_before_what_is_kept_has_missed_nothing"}


def stream(self, name, id, wake, right=contract.hub.Hub._stream):
    kept = self._topic(name).after(id)
    if len(kept.events) > 50 and not kept.reset:
        for event in kept.events:
            yield 0.0, event
        id = None
    yield from right(self, name, id, wake)


contract.hub.Hub._stream = stream

base.run(stdlib_asyncio)
