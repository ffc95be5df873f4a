# /// script
# requires-python = ">=3.11"
# dependencies = ["flask", "flask-sock", "gunicorn", "psutil", "redis"]
# ///
"""Sends all that is kept after an id it does not know, and says nothing."""

import base
import flask_gunicorn
from contract.redis_hub import RedisHub

CAUGHT_BY = {
    "test_an_id_that_no_worker_has_given_out_is_told_by_a_reset",
    "test_an_id_that_the_broker_has_evicted_is_told_by_a_reset",
    "test_ids_of_a_broker_that_has_lost_its_data_are_told_by_a_reset",
}


async def first(self, box, id, right=RedisHub._first):
    page = await right(self, box, id)
    return page._replace(reset=None)


RedisHub._first = first

base.run(flask_gunicorn)
