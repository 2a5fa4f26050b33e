"""The replication protocol on a connection that asyncpg made: it knows authentication, TLS and hosts, but no CopyBoth.

A walsender speaks the simple query protocol until START_REPLICATION, and then CopyData both ways until the connection
ends. So once asyncpg has logged in, this takes the transport from it:

    client   Query(IDENTIFY_SYSTEM | CREATE_REPLICATION_SLOT …)      server   rows, ReadyForQuery
    client   Query(START_REPLICATION …)                              server   CopyBothResponse
    client   CopyData(r: written, flushed, applied)  …               server   CopyData(w: WAL | k: keepalive)  …

What the server sends behind CopyBothResponse is not looked at here: it is handed over as it came (`take`), and
`pgoutput` reads it on another thread. Status updates go out by a timer of the loop, so that a task that is paused, or
slow, is not cut off by the server's wal_sender_timeout.

Source: PostgreSQL's documentation, 55.4 Streaming Replication Protocol and 55.7 Message Formats.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncpg

#: Bytes that wait to be taken before the server is made to wait. The transport may add what it reads at once.
BUFFER_BYTES: Final = 8 << 20
#: How long a command may take, in seconds: making a slot waits for all transactions that are open.
COMMAND_TIMEOUT_S: Final = 60.0
#: How long a server may say nothing, though each status update asks for an answer, before it counts as lost. Seconds.
SILENCE_S: Final = 300.0
#: Microseconds from the Unix epoch to PostgreSQL's, 2000-01-01.
POSTGRES_EPOCH_US: Final = 946_684_800_000_000

_HEADER: Final = struct.Struct(">cI")  # type, length with itself
#: Standby status update: 'd', length, 'r', written, flushed, applied, clock, whether an answer is wanted.
_STATUS: Final = struct.Struct(">cIcQQQqB")
assert _STATUS.size == 39, "1 + 4 + 1 + 4 x 8 + 1"


class ReplicationStream(asyncio.Protocol):
    """One replication connection. For the event loop.

    Holds at most about `BUFFER_BYTES` that were not taken; then nothing more is read from the socket, and the server
    waits. Ends by an error of the server, a lost connection, or `close`; what came before the end can still be taken.
    """

    def __init__(self, connection: asyncpg.Connection, transport: asyncio.Transport, protocol: Any) -> None:
        """Take the transport of a connection that asyncpg made and that is idle. asyncpg's own protocol hears of its
        end and of nothing else."""
        self._connection = connection
        self._transport = transport
        self._former = protocol
        self._head = b""
        self._is_streaming = False
        self._answer: asyncio.Future[list[list[str | None]]] | None = None
        self._rows: list[list[str | None]] = []
        self._failure: Exception | None = None
        self._chunks: list[bytes] = []
        self._size_bytes = 0
        self._is_paused = False
        self._has_more = asyncio.Event()
        self._is_closed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._interval_s = 10.0
        self._written = self._flushed = 0
        #: When the server was heard, or listened to again, the last time (monotonic).
        self._heard_at = 0.0
        #: Called whenever there is something to take.
        self.on_data: Callable[[], None] | None = None
        transport.set_protocol(self)

    # -- commands --------------------------------------------------------------------------------------------------

    async def query(self, command: str) -> list[list[str | None]]:
        """Run a command of the walsender; return its rows as text.

        Raises:
            asyncpg.PostgresError: The server refuses it.
            ConnectionError: The connection is lost.
            TimeoutError: It took longer than `COMMAND_TIMEOUT_S`; the connection is closed then.
        """
        self._check_alive()
        assert self._answer is None, "one command after another"
        assert not self._is_streaming, "no command after START_REPLICATION"
        self._answer = asyncio.get_running_loop().create_future()
        self._rows, self._failure = [], None
        body = command.encode() + b"\0"
        self._transport.write(_HEADER.pack(b"Q", 4 + len(body)) + body)
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                return await self._answer
        except BaseException:
            if not self._answer.done() or self._answer.cancelled():
                self.close()  # its answer would be taken for the next one's
            raise
        finally:
            self._answer = None

    async def start(self, command: str, *, confirmed: int, interval_s: float) -> None:
        """Begin to stream.

        Args:
            command: START_REPLICATION with all that belongs to it.
            confirmed: The position up to which everything is durable, to tell the server until `confirm` says another.
            interval_s: How often to tell it.

        Raises:
            As `query`.
        """
        self._written = self._flushed = confirmed
        self._interval_s = interval_s
        await self.query(command)
        self._heard_at = time.monotonic()
        self._tell()

    # -- what the server sends -------------------------------------------------------------------------------------

    @property
    def waiting_bytes(self) -> int:
        """Bytes that can be taken."""
        return self._size_bytes

    def take(self) -> bytes:
        """Return all that came since the last time; b'' where nothing did.

        Raises:
            asyncpg.PostgresError: The server ended the stream, and all that came before was taken.
            ConnectionError: The connection was lost, and all that came before was taken.
        """
        if not self._chunks:
            self._check_alive()
            return b""
        data = b"".join(self._chunks) if len(self._chunks) > 1 else self._chunks[0]
        self._chunks, self._size_bytes = [], 0
        self._has_more.clear()
        if self._is_paused and not self._transport.is_closing():
            self._is_paused = False
            self._heard_at = time.monotonic()
            self._transport.resume_reading()
        return data

    async def wait(self, timeout_s: float) -> None:
        """Return when there is something to take, the stream has ended, or the time is over."""
        if self._chunks or self._failure is not None or self._is_closed.is_set():
            return
        self._has_more.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._has_more.wait()
        except TimeoutError:
            return

    def wake(self) -> None:
        """End a `wait` that is under way, since there is something else to do."""
        self._has_more.set()

    def confirm(self, lsn: int, *, at_once: bool = False) -> None:
        """Let the server know, at the next time or at once, that everything up to `lsn` is durable. Never goes back."""
        if lsn > self._flushed:
            self._flushed = lsn
            self._written = max(self._written, lsn)
        if at_once and not self._transport.is_closing() and self._timer is not None:
            self._send_status()

    def ask_for_position(self) -> None:
        """Have the server say how far it has read, by a keepalive behind what it has sent."""
        if not self._transport.is_closing() and self._timer is not None:
            self._send_status(answer=True)

    async def aclose(self, timeout_s: float = 5.0) -> None:
        """Close the connection, and return when it is closed, or after a while at the latest. Never raises."""
        self.close()
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_closed.wait()
        except TimeoutError:
            self._transport.abort()

    def close(self) -> None:
        """Begin to close."""
        self._stop_timer()
        if not self._transport.is_closing():
            # Terminate; what is half said by now the server drops with the connection.
            self._transport.write(_HEADER.pack(b"X", 4))
            self._transport.close()

    @property
    def is_closed(self) -> bool:
        """Whether the connection is lost or closed."""
        return self._is_closed.is_set() or self._transport.is_closing()

    # -- asyncio.Protocol ------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not self._is_streaming:
            data = self._head + data
            position = self._read_messages(data)
            self._head = b"" if self._is_streaming else data[position:]
            if not self._is_streaming or position == len(data):
                return
            data = data[position:]
        self._chunks.append(data)
        self._size_bytes += len(data)
        self._heard_at = time.monotonic()
        if self._size_bytes >= BUFFER_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        self._has_more.set()
        if self.on_data is not None:
            self.on_data()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        if self._failure is None:
            self._failure = ConnectionError(str(exc) if exc is not None else "the server closed the connection")
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._failure)
        self._is_closed.set()
        self._has_more.set()
        self._former.connection_lost(exc)
        self._connection.terminate()  # the driver lets go of what is gone already
        if self.on_data is not None:
            self.on_data()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _read_messages(self, data: bytes) -> int:
        """Read what comes before the stream; return the position behind the last whole message."""
        position = 0
        while position + 5 <= len(data):
            kind, length = _HEADER.unpack_from(data, position)
            end = position + 1 + length
            if end > len(data):
                break
            self._read_message(kind, data[position + 5 : end])
            position = end
            if self._is_streaming:
                break
        return position

    def _read_message(self, kind: bytes, body: bytes) -> None:
        if kind == b"D":
            self._rows.append(_texts(body))
        elif kind == b"E":
            self._failure = server_error(body)
        elif kind == b"W":
            self._is_streaming = True
            self._settle()
        elif kind == b"Z":
            self._settle()

    def _settle(self) -> None:
        answer = self._answer
        if answer is None or answer.done():
            return
        failure, self._failure = self._failure, None
        if failure is not None:
            answer.set_exception(failure)
        else:
            answer.set_result(self._rows)

    def _check_alive(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._transport.is_closing() or self._is_closed.is_set():
            raise ConnectionError("the connection is closed")

    def fail(self, error: Exception) -> None:
        """End the stream by an error of the server that was found in what it sent."""
        self._failure = error
        self.close()

    def _tell(self) -> None:
        self._stop_timer()
        silence_s = time.monotonic() - self._heard_at
        if silence_s > SILENCE_S and not self._is_paused:
            # The system has no reason to end a connection whose other side takes what is sent, and does nothing.
            self._failure = ConnectionError(f"the server has said nothing for {silence_s:.0f} s")
            self._transport.abort()
            return
        self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._tell)
        self._send_status(answer=True)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send_status(self, *, answer: bool = False) -> None:
        now_us = time.time_ns() // 1000 - POSTGRES_EPOCH_US
        status = _STATUS.pack(b"d", 38, b"r", self._written, self._flushed, self._flushed, now_us, answer)
        self._transport.write(status)


def server_error(body: bytes) -> Exception:
    """Return what an ErrorResponse says, as asyncpg would raise it."""
    import asyncpg

    make: Any = asyncpg.PostgresError.new  # the stubs do not have it
    error: Exception = make(_fields(body))
    return error


def server_notice(body: bytes) -> str:
    """Return what a NoticeResponse says: its message, with detail and hint."""
    fields = _fields(body)
    return ". ".join(fields[name].rstrip(".") for name in "MDH" if fields.get(name))


def _fields(body: bytes) -> dict[str, str]:
    return {
        field[:1].decode("ascii", "replace"): field[1:].decode("utf-8", "replace")
        for field in body.split(b"\0")
        if field
    }


def _texts(body: bytes) -> list[str | None]:
    """Return the columns of a DataRow in text format."""
    (count,) = struct.unpack_from(">H", body, 0)
    position, row = 2, list[str | None]()
    for _ in range(count):
        (size,) = struct.unpack_from(">i", body, position)
        position += 4
        if size < 0:
            row.append(None)
        else:
            row.append(body[position : position + size].decode())
            position += size
    return row
