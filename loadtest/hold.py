"""N streams are opened and held, and nothing is sent on them but the server's pings.

    locust -f loadtest/hold.py --headless --host http://127.0.0.1:8000 --users 10000 --spawn-rate 1000 \
        --measure 30 --tally /tmp/hold.json

It shows what holding costs: the server's memory and CPU (which `nox -s bench` samples), and this generator's
("generators": cpu_share, rss_bytes, streams). Histograms "connect" and "headers" tell how the streams were taken up.
10,000 streams need as many file descriptors on either side: `ulimit -n 65536` first, for the server too. Do not give
--publish-rate: the streams would not be quiet.
"""

from urllib.parse import quote

from locust import events

from sseproof.locust import EventStreamUser


@events.init_command_line_parser.add_listener
def add_options(parser):
    parser.add_argument("--transport", choices=["sse"], default="sse", help="what is held")


class Holder(EventStreamUser):
    @property
    def path(self):
        return f"/events/topic?topic={quote(self.environment.parsed_options.topic, safe='')}"
