"""Topics in Redis: one stream each, bounded, whose every entry names the entry before it.

That name is the whole strategy. Redis's ids say nothing about a gap; the chain does: who has seen an entry has missed
nothing if the next one names it, whatever was evicted, expired, lost at a crash or restored from a backup meanwhile. What
has to be one step (make room, look at the newest entry, append, tell the other processes) is one script, so an acknowledged list is
there whole and in order, and a refused one not at all. Needs Redis 7 or Valkey. Nothing is tried twice here.
"""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from .message import Refusal

ANSWER_S = 2.0  # Redis answers within this, or is taken to be away
LEASE_S = 15  # a topic is in use for so long after a process with subscribers has said so
KEPT_S = 7 * 24 * 3600  # and is kept for so long after its last use
NEWS_KEPT, NEWS_AT_ONCE = 10_000, 1000
CONNECTIONS = 16
AWAY = (RedisError, OSError, TimeoutError)
# One slot of a cluster: a script's keys must be on one node.
_TOPIC, _USED, _LEASES, NEWS = (f"{{sseproof}}:{name}" for name in ("topic:", "topics", "in-use", "news"))

# KEYS: stream, topics by use, topics in use until, news. ARGV: name, prefix of streams, most topics, seconds kept.
_OPEN = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[4])
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
  if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) and not redis.call('ZSCORE', KEYS[2], ARGV[1]) then
    local idle
    for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
      if not redis.call('ZSCORE', KEYS[3], name) then idle = name break end
    end
    if not idle then return redis.error_reply('FULL all topics are in use') end
    redis.call('DEL', ARGV[2] .. idle)
    redis.call('ZREM', KEYS[2], idle)
  end
  redis.call('XADD', KEYS[1], 'MAXLEN', '=', '0', '*', 'made', '1')
end
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[4])
local about = redis.call('XINFO', 'STREAM', KEYS[1])
local newest
for at = 1, #about, 2 do if about[at] == 'last-generated-id' then newest = about[at + 1] end end
"""
# More ARGV: seconds of the lease; and of a list: history, news kept, then data and event type of each item.
_JOIN = (
    _OPEN
    + """
redis.call('ZADD', KEYS[3], now + ARGV[5], ARGV[1])
return newest
"""
)
_PUBLISH = (
    _OPEN
    + """
local ids = {}
for at = 7, #ARGV, 2 do
  newest = redis.call('XADD', KEYS[1], 'MAXLEN', '=', ARGV[5], '*', 'data', ARGV[at], 'event', ARGV[at + 1], 'after', newest)
  ids[#ids + 1] = newest
end
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[6], '*', 'topic', ARGV[1])
return ids
"""
)


class Entry(NamedTuple):
    """Hold one event as Redis has it: its id, that of the one before, and what was published."""

    id: str
    after: str
    data: str
    event: str | None


class Store:
    """Speak to one Redis. Every call answers within ANSWER_S or raises one of AWAY; it belongs to one event loop."""

    def __init__(self, url: str, history: int, most_topics: int):
        self._history, self._most_topics = history, most_topics
        settings: dict[str, Any] = {
            "protocol": 2,
            "retry": Retry(NoBackoff(), 0),  # a list sent twice is published twice
            "socket_connect_timeout": ANSWER_S,
            "socket_timeout": 2 * ANSWER_S,
        }
        pool = aioredis.BlockingConnectionPool.from_url(
            url, max_connections=CONNECTIONS, timeout=ANSWER_S, **settings
        )
        self._redis = aioredis.Redis(connection_pool=pool)
        self._reader = aioredis.Redis.from_url(url, single_connection_client=True, **settings)
        self._join = self._redis.register_script(_JOIN)
        self._publish = self._redis.register_script(_PUBLISH)

    def _given(self, name: str, *more: Any) -> dict[str, Any]:
        keys = [_TOPIC.encode() + _bytes(name), _USED, _LEASES, NEWS]
        return {"keys": keys, "args": [_bytes(name), _TOPIC, self._most_topics, KEPT_S, *more]}

    async def publish(self, name: str, items: Iterable[tuple[str, str | None]]) -> list[str]:
        """Append all items and give their ids, or none of them."""
        # The type in JSON, because an empty one is not none.
        flat = [part for data, event in items for part in (data, json.dumps(event))]
        ids = await self._publish(**self._given(name, self._history, NEWS_KEPT, *flat))
        return [id.decode() for id in ids]

    async def join(self, name: str) -> str:
        """Make the topic if there is none, say that it is in use, and give its newest id."""
        newest: bytes = await self._join(**self._given(name, LEASE_S))
        return newest.decode()

    async def entries(self, name: str, first: str, last: str, count: int) -> list[Entry]:
        """Give at most so many entries from one id to another; `(` before an id leaves it out."""
        found = await self._redis.xrange(_TOPIC.encode() + _bytes(name), first, last, count)
        return [_entry(id, fields) for id, fields in found]

    async def newest_news(self) -> str:
        """Give a place in the news to go on from."""
        found = await self._redis.xrevrange(NEWS, count=1)
        return found[0][0].decode() if found else "0-0"

    async def news(self, after: str, block_ms: int) -> tuple[str, set[str] | None]:
        """Wait for news; give their place and the topics named, or None for "perhaps all" where some may be missing."""
        answer = await self._reader.xread({NEWS: after}, NEWS_AT_ONCE, block_ms)
        if not answer:
            return after, set()
        [(_, found)] = answer
        names = {fields[b"topic"].decode("utf-8", "surrogatepass") for _, fields in found}
        # Were some evicted before we saw them, there would be more left than we take at once.
        return found[-1][0].decode(), names if len(found) < NEWS_AT_ONCE else None

    async def hang_up(self) -> None:
        """Close the reader's connection, whose answer to an old question may still come."""
        await self._reader.aclose()
        await self._reader.connection_pool.disconnect()

    async def close(self) -> None:
        """Close all connections."""
        await self.hang_up()
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()


def refusal(error: BaseException) -> Refusal:
    """Give the 503 for what kept Redis from doing it: it is away, full, or says no."""
    if is_full(error):
        said = "all topics are in use"
    elif isinstance(error, ResponseError | AuthenticationError):
        said = f"Redis refuses: {error}"
    else:
        said = f"Redis does not answer: {str(error) or type(error).__name__}"
    return Refusal(503, said[:300], {"Retry-After": "1"})


def is_full(error: BaseException) -> bool:
    """Tell whether there was no room for a topic."""
    return isinstance(error, ResponseError) and str(error).startswith("FULL")


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _entry(id: bytes, fields: dict[bytes, bytes]) -> Entry:
    return Entry(
        id.decode(), fields[b"after"].decode(), fields[b"data"].decode(), json.loads(fields[b"event"])
    )
