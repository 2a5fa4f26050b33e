"""A loopback TCP proxy between a connector and its server: it cuts, delays, half-closes and refuses connections."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final

_CHUNK_BYTES: Final = 1 << 16
#: How long a call from outside may take on the proxy's own loop.
_ANSWER_S: Final = 10.0


class Proxy:
    """Listens on a free port and hands everything on to `host:port`. Runs on a thread of its own. Use in a `with`.

    Attributes:
        delay_s: Each piece of data waits so long, either way.
        refuses: New connections are closed at once.
        connections: How many were taken so far.
    """

    def __init__(self, host: str, port: int) -> None:
        self.delay_s = 0.0
        self.refuses = False
        self.connections = 0
        self.port = 0
        self._to = (host, port)
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        #: Clients that were told that nothing more comes.
        self._ended: set[asyncio.StreamWriter] = set()
        self._cut_after: int | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="crash-proxy", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ANSWER_S)
        self._loop.close()

    def cut(self) -> None:
        """Break every connection now, with a reset: what is under way is lost for both ends."""
        self._call(self._reset_all)

    def cut_after(self, size_bytes: int) -> None:
        """Break everything once so many further bytes went through, either way: in the middle of what is sent."""
        self._cut_after = size_bytes

    def half_close(self) -> None:
        """Tell each client that the server says nothing more, and go on handing on what the client says, until the
        server answers: that is lost, and the connection with it."""
        self._call(self._end_answers)

    # -- on the loop -------------------------------------------------------------------------------------------------

    def _reset_all(self) -> None:
        for pair in list(self._pairs):
            for writer in pair:
                _reset(writer)

    def _end_answers(self) -> None:
        for client, _ in self._pairs:
            if client.can_write_eof():
                self._ended.add(client)
                client.write_eof()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_S)

    def _call(self, work: Callable[[], object]) -> None:
        async def done() -> None:
            work()

        self._run(done())

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._taken, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        self._reset_all()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.refuses:
            _reset(writer)
            return
        try:
            from_server, to_server = await asyncio.open_connection(*self._to)
        except OSError:  # the server is away: so is the proxy
            _reset(writer)
            return
        pair = (writer, to_server)
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._pump(reader, to_server), self._pump(from_server, writer))
        except OSError:  # either end has gone, which the other one hears now
            pass
        finally:
            self._pairs.discard(pair)
            self._ended.discard(writer)
            for each in pair:
                _reset(each)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if writer in self._ended:
                raise ConnectionResetError("the server answers a client that was told that nothing more comes")
            if self._cut_after is not None:
                left, self._cut_after = self._cut_after - len(data), max(0, self._cut_after - len(data))
                if left <= 0:
                    self._cut_after = None
                    writer.write(data[: len(data) + left])
                    await writer.drain()
                    raise ConnectionResetError("cut by the crash kit")
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset, where the system lets us, so that the other end is not told of an orderly end."""
    held = writer.get_extra_info("socket")
    if held is not None and held.fileno() >= 0:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
