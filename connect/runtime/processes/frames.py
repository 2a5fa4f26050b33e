"""Frames on the socket between a worker and a plugin's process.

| bytes | what |
|---|---|
| 4 | length of the payload, big-endian |
| 1 | kind |
| 4 | number of the call or question that it belongs to; 0 for a note |
| n | payload, of `codec.py` |

    worker  ── CALL ──>   process       a method, its arguments, and what has changed of the context
            <── REPLY or ERROR ──       what came of it: one for each call
            <── NOTE ──                 a log line, a wish of the plugin: no answer
            <── ASK ──                  a question to the context
            ── ANSWER ──>

That the plugin is to stop, and that an `async def` call is to be cancelled, is told by another pipe, which never blocks
the one who writes: the process's standard input.
"""

from __future__ import annotations

import socket
import struct
from enum import IntEnum
from typing import Final

_HEAD: Final = struct.Struct(">IBI")
assert _HEAD.size == 9
#: What one frame may hold; a batch is some MiB.
FRAME_BYTES_MAX: Final = 512 << 20
#: What a note or a question may hold: they are read on the thread that looks after the process.
NOTE_BYTES_MAX: Final = 16 << 20
#: The version of what crosses: both sides are of one distribution, unless a process has outlived an upgrade.
PROTOCOL: Final = 1
#: Bytes on the process's standard input; its end means both.
STOP: Final = b"s"
CANCEL: Final = b"c"
#: The exit code of a process that has met its limit of memory.
EXIT_MEMORY: Final = 86
#: Asked of the kernel for a socket's buffers, so that a batch crosses in few steps.
BUFFER_BYTES: Final = 1 << 20


class Kind(IntEnum):
    """The kinds of frames."""

    CALL = 1
    REPLY = 2
    ERROR = 3
    NOTE = 4
    ASK = 5
    ANSWER = 6


class FrameError(Exception):
    """The other side sent what is no frame."""


def send(sock: socket.socket, kind: Kind, number: int, payload: bytes) -> None:
    """Send one frame. Blocks until the other side has room; the caller sees to it that frames do not mix.

    Raises:
        FrameError: It is too long, and nothing was sent.
        OSError: The other side is gone.
    """
    first = head(kind, number, payload)
    if len(payload) < 4096:
        sock.sendall(first + payload)
    else:
        sock.sendall(first)
        sock.sendall(payload)


def head(kind: Kind, number: int, payload: bytes) -> bytes:
    """Return what stands before a payload.

    Raises:
        FrameError: It is too long.
    """
    if len(payload) > (limit := _bytes_max(kind)):
        raise FrameError(f"a message of {len(payload)} bytes; expected at most {limit}")
    return _HEAD.pack(len(payload), kind, number)


class Frames:
    """Reads frames from a socket, piece by piece as they come. For one thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._head = bytearray()
        self._payload = bytearray()
        self._filled = self._length = 0
        #: Reads that brought next to nothing of a message, which nobody does who sends it whole.
        self.crumbs = 0
        self._kind: Kind | None = None
        self._number = 0

    def read(self) -> tuple[Kind, int, bytearray] | None:
        """Read what is there, once, and return a frame if it is whole; None where more is to come. Blocks if nothing
        is there.

        Raises:
            EOFError: The other side has closed.
            FrameError: It sends what is no frame.
        """
        if self._kind is None:
            self._head += self._received(_HEAD.size - len(self._head))
            if len(self._head) < _HEAD.size:
                return None
            length, kind, self._number = _HEAD.unpack(self._head)
            self._head.clear()
            if kind not in _KINDS or length > _bytes_max(kind):
                raise FrameError(f"a message of kind {kind} with {length} bytes")
            self._kind, self._length, self._filled = Kind(kind), length, 0
            self._payload = bytearray(min(length, BUFFER_BYTES))
            if length:
                return None
        else:
            with memoryview(self._payload) as view:
                count = self._sock.recv_into(view[self._filled :])
            if not count:
                raise EOFError
            self._filled += count
            if self._filled < self._length:
                if self._filled == len(self._payload):  # so that memory is taken for what has come, not for a promise
                    self._payload += bytes(min(self._length - self._filled, self._filled))
                self.crumbs += count < _CRUMB_BYTES
                return None
        found, self._kind, self._payload = (self._kind, self._number, self._payload), None, bytearray()
        return found

    def _received(self, count: int) -> bytes:
        data = self._sock.recv(count)
        if not data:
            raise EOFError
        return data


_KINDS: Final = frozenset(Kind)
_CRUMB_BYTES: Final = 1024


def _bytes_max(kind: int) -> int:
    return NOTE_BYTES_MAX if kind in (Kind.NOTE, Kind.ASK) else FRAME_BYTES_MAX
