# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""The reference: asyncio streams and h11, no framework. Where it fails a case, the case is wrong."""

import asyncio
import signal
from urllib.parse import parse_qsl, unquote

import contract
import h11

SERVER = contract.Service(framework="asyncio", http_server="asyncio")
LINGER_S, LINGER_BYTES, BEHIND_BYTES = 2.0, 64 * 2**20, 2**16


class Connection:
    """Serve one connection: one request after the other, h11 on asyncio's streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader, self.writer = reader, writer
        self.http = h11.Connection(h11.SERVER, max_incomplete_event_size=2**16)
        self.idle = True

    async def serve(self) -> None:
        try:
            while await self.exchange():
                self.http.start_next_cycle()
                if SERVER.stopping:
                    break
        except h11.RemoteProtocolError as error:
            await self.send_error(error)
        except (ConnectionError, TimeoutError):
            pass  # the client has left
        finally:
            self.writer.close()

    async def exchange(self) -> bool:
        """Answer one request; return whether the connection can take another."""
        self.idle = True
        head = await self.next_event()
        self.idle = False
        if not isinstance(head, h11.Request):
            return False
        unsure = {b"content-length", b"transfer-encoding"} <= {name for name, _ in head.headers}
        method, answer, cors = await self.ask(head)
        del head  # with its headers it takes more memory than a quiet stream
        if isinstance(answer, contract.Stream):
            await self.unless_gone(self.send_stream(answer, method, cors))
        else:
            await self.send_answer(answer, cors, method)
        if not unsure and self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            return True
        await self.linger()
        return False

    async def ask(self, head: h11.Request) -> tuple[str, contract.Answer | contract.Stream, dict[str, str]]:
        """Read the rest of a request and put it to the contract; give its method, the answer and CORS headers."""
        method = head.method.decode()
        target, _, search = head.target.decode("latin-1").partition("?")
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        path, cors = unquote(target), SERVER.cors(headers.get("origin"))
        try:
            answer = SERVER.preflight(method, headers)
            body = await contract.read_body(path, headers, self.body())
            query = dict(parse_qsl(search, keep_blank_values=True))
            request = contract.Request(method, path, query, headers, body)
            if answer is None and path.startswith("/events/"):
                answer = SERVER.stream(request)
            elif answer is None:
                answer = await self.unless_gone(SERVER.answer(request))
        except contract.Refusal as refusal:
            answer = refusal.answer
        return method, answer, cors

    async def next_event(self) -> h11.Event:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            if self.http.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            self.http.receive_data(await self.reader.read(2**16))
        return event

    async def body(self):
        while isinstance(event := await self.next_event(), h11.Data):
            yield bytes(event.data)

    async def send(self, *events: h11.Event) -> None:
        self.writer.write(b"".join(self.http.send(event) or b"" for event in events))
        await self.writer.drain()

    async def send_answer(self, answer: contract.Answer, cors: dict[str, str], method: str = "") -> None:
        headers, content = [*answer.all_headers.items(), *cors.items()], answer.body
        if answer.status != 204:
            headers.append(("Content-Length", str(len(content))))
        response = h11.Response(status_code=answer.status, headers=headers)
        body = b"" if method == "HEAD" else content
        await self.send(response, h11.Data(data=body), h11.EndOfMessage())

    async def send_stream(self, stream: contract.Stream, method: str, cors: dict[str, str]) -> None:
        await self.send(
            h11.Response(status_code=200, headers=[*contract.STREAM_HEADERS.items(), *cors.items()])
        )
        if method != "HEAD":
            try:
                async for event in stream:
                    await self.send(h11.Data(data=contract.encode(event)))
            finally:
                stream.close()
        await self.send(h11.EndOfMessage())

    async def unless_gone(self, coroutine):
        """Run a coroutine; cancel it when the client leaves meanwhile."""
        gone = asyncio.create_task(self.gone(asyncio.current_task()))
        try:
            return await coroutine
        finally:
            gone.cancel()
            await asyncio.wait([gone])

    async def gone(self, work: asyncio.Task[None]) -> None:
        """Cancel the work when the client has left. What it sends behind its request waits, up to a limit."""
        behind = 0
        try:
            while behind < BEHIND_BYTES and (data := await self.reader.read(2**14)):
                behind += len(data)
                self.http.receive_data(data)
        except (ConnectionError, TimeoutError):
            pass
        work.cancel()

    async def send_error(self, error: h11.RemoteProtocolError) -> None:
        if self.http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            in_first_line = b"\n" not in self.http.trailing_data[0]
            status = 414 if error.error_status_hint == 431 and in_first_line else error.error_status_hint
            answer = contract.Refusal(status, str(error)).answer
            await self.send_answer(answer, {"Connection": "close", **SERVER.cors(None)})
            await self.linger()

    async def linger(self) -> None:
        """Take what the client still sends: closing on unread bytes would reset, and lose our answer."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
        taken = 0
        async with asyncio.timeout(LINGER_S):
            while taken < LINGER_BYTES and (data := await self.reader.read(2**16)):
                taken += len(data)


async def main() -> None:
    connections: dict[asyncio.Task[None], Connection] = {}
    stopped = asyncio.Event()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        task = asyncio.create_task(connection.serve())
        connections[task] = connection
        task.add_done_callback(connections.pop)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = await asyncio.start_server(accept, sock=contract.listen(SERVER.options), backlog=2048)
    await stopped.wait()
    server.close()
    SERVER.stop()
    for task, connection in connections.items():
        if connection.idle:
            task.cancel()
    if connections:
        await asyncio.wait(list(connections), timeout=contract.GRACE_S)
    for connection in connections.values():
        connection.writer.transport.abort()


if __name__ == "__main__":
    asyncio.run(main())
