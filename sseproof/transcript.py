"""An exchange as text: what a person reads when a case fails.

Rule of this file: nothing is shown that was not seen, and no control character gets through, so that a hostile
server can harm neither a terminal nor a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sseproof.probe import Chunk, Stream

_CHARS = 8 * 1024


def printable(data: bytes | str) -> str:
    """Show bytes or text on one line: what is not printable becomes an escape, so it can harm no terminal."""
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else data
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def transcript(stream: Stream) -> str:
    """Show a stream's request, head, chunks with milliseconds, and end, in at most about 8 KB."""
    lines = [f"> {line}" for line in _lines(stream.sent or b"(nothing sent)")]
    if stream.sent_bytes > len(stream.sent):
        lines.append(f"> ... {stream.sent_bytes} bytes in all")
    shown = stream.raw  # without a head there is no telling what the bytes are
    if stream.head:
        head = stream.head
        lines.append(
            f"< HTTP/{head.http_version} {head.status} {printable(head.reason)}  ({_ms(head.seconds)})"
        )
        lines += [f"< {printable(name)}: {printable(value)[:500]}" for name, value in head.headers]
        shown = stream.chunks
    first, last = shown[:60], shown[60:][-20:]
    lines += [_show(chunk) for chunk in first]
    if len(shown) > len(first) + len(last):
        lines.append(f"... {len(shown) - len(first) - len(last)} chunks not shown ...")
    lines += [_show(chunk) for chunk in last]
    end = f"{stream.ended} ({_ms(stream.end_s)})" if stream.ended else f"still open ({_ms(stream.now_s())})"
    lines.append(f"= {end}, {stream.body_bytes} bytes of body, {stream.received_bytes} received")
    stray = stream.stray
    if stray:
        lines.append(f"! {len(stray)} stray bytes after the end: {_excerpt(stray)}")
    return _bounded("\n".join(lines))


def _lines(data: bytes) -> list[str]:
    return [printable(line)[:500] for line in data.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _show(chunk: Chunk) -> str:
    return f"{_ms(chunk.seconds):>12} {len(chunk.data):>8} bytes  {_excerpt(chunk.data)}"


def _excerpt(data: bytes) -> str:
    """Show bytes as text, and in hex too unless they are plain text; of many the beginning and the end."""
    if len(data) > 400:
        return f"{_excerpt(data[:240])} ... {_excerpt(data[-80:])}"
    text = data.decode("utf-8", "surrogateescape")
    plain = all(c.isprintable() or c in "\t\r\n" for c in text)
    return printable(data) if plain else f"{printable(data)}  hex {data.hex(' ')}"


def _bounded(text: str) -> str:
    if len(text) <= _CHARS:
        return text
    head, tail = text[: _CHARS * 5 // 8], text[-_CHARS * 3 // 8 :]
    return f"{head}\n... {len(text) - len(head) - len(tail)} characters cut ...\n{tail}"
