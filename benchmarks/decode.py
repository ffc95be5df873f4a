# /// script
# requires-python = ">=3.11"
# dependencies = ["httpx", "httpx-sse", "sseclient-py"]
# ///
"""Compare the speed of sseproof.wire.Decoder with httpx-sse's and sseclient-py's.

Every event is 100 bytes long, fed in 64 KiB chunks; events are counted and dropped, as a long-lived client
does. Rounds alternate between the three, and a ratio is the median over rounds of neighbouring timings, so
that a machine that slows down in the middle does not decide it. httpx-sse is driven as its own iter_sse does
it: text decoder, line decoder, event decoder.

    python benchmarks/decode.py              (in an environment with the extra `benchmarks`)
    uv run --with-editable . benchmarks/decode.py
"""

import argparse
import codecs
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

from httpx_sse import _decoders
from sseclient import SSEClient

from sseproof.wire import Decoder

EVENT_BYTES = 100
CHUNK_BYTES = 64 * 1024
STARTS = {
    "data": b"data: ",
    "id, data": b"id: 12345\ndata: ",
    "id, event, data": b"id: 12345\nevent: tick\ndata: ",
    "event, id, data": b"event: tick\nid: 12345\ndata: ",  # an order without a shortcut
    "id, data, CRLF": b"id: 12345\r\ndata: ",  # line ends without a shortcut
}


class Body(list[bytes]):
    """The chunks of a response, closable as sseclient-py wants it."""

    def close(self) -> None:
        pass


def sseproof(chunks: Body) -> int:
    decoder = Decoder()
    return sum(len(decoder.feed(chunk)) for chunk in chunks)


def httpx_sse(chunks: Body) -> int:
    text, lines, events = (
        codecs.getincrementaldecoder("utf-8")("replace"),
        _decoders.SSELineDecoder(),
        _decoders.SSEDecoder(),
    )
    count = 0
    for chunk in chunks:
        for line in lines.decode(text.decode(chunk)):
            if events.decode(line.rstrip("\n")) is not None:
                count += 1
    return count


def sseclient_py(chunks: Body) -> int:
    return sum(1 for _ in SSEClient(chunks).events())


def measure(
    decoders: dict[str, Callable[[Body], int]], chunks: Body, events: int, rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of each decoder in each round; fail if one of them loses an event."""
    seconds: dict[str, list[float]] = {name: [] for name in decoders}
    for _ in range(rounds):
        for name, decoder in decoders.items():
            started = time.perf_counter()
            count = decoder(chunks)
            seconds[name].append(time.perf_counter() - started)
            if count != events:
                raise SystemExit(f"{name} gave {count} events, expected {events}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=50_000, help="events in a stream (default 50,000)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds for each shape (default 15)")
    options = parser.parse_args()
    if min(options.events, options.rounds) < 1:
        parser.error("--events and --rounds must be at least 1")

    decoders = {
        "sseproof": sseproof,
        f"httpx-sse {version('httpx-sse')}": httpx_sse,
        f"sseclient-py {version('sseclient-py')}": sseclient_py,
    }
    print(f"{options.events} events of {EVENT_BYTES} bytes, medians of {options.rounds} rounds")
    for shape, start in STARTS.items():
        end = b"\r\n\r\n" if b"\r" in start else b"\n\n"
        body = (start + b"x" * (EVENT_BYTES - len(start) - len(end)) + end) * options.events
        chunks = Body(body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES))
        seconds = measure(decoders, chunks, options.events, options.rounds)
        ours = seconds["sseproof"]
        for name, theirs in seconds.items():
            speed = len(body) / statistics.median(theirs) / 1e6
            ratio = statistics.median(their / our for their, our in zip(theirs, ours, strict=True))
            print(f"{shape:16} {name:20} {speed:6.1f} MB/s   sseproof is {ratio:4.2f} times as fast")


if __name__ == "__main__":
    main()
