from __future__ import annotations

import os
import select
import socket
import struct
import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from connect.runtime.processes import frames
from connect.runtime.processes.frames import FRAME_BYTES_MAX, NOTE_BYTES_MAX, FrameError, Frames, Kind, head, send


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        theirs.settimeout(10)
        yield ours, theirs


def read(reading: Frames) -> tuple[Kind, int, bytearray]:
    while (found := reading.read()) is None:
        pass
    return found


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 3_000_000])
def test_frames_come_out_whole_and_in_order(ends: tuple[socket.socket, socket.socket], size: int) -> None:
    payload = os.urandom(size)
    sender = threading.Thread(target=lambda: [send(ends[0], Kind.CALL, n, payload) for n in range(3)])
    sender.start()
    reading = Frames(ends[1])
    assert [read(reading) for _ in range(3)] == [(Kind.CALL, n, payload) for n in range(3)]
    sender.join(10)


def test_the_end_of_the_other_side_is_told_within_a_frame_too(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].sendall(frames.head(Kind.REPLY, 1, b"abc") + b"a")
    ends[0].close()
    reading = Frames(ends[1])
    with pytest.raises(EOFError):
        read(reading)


@pytest.mark.parametrize("head", [b"\xff\xff\xff\xff\x01\0\0\0\0", b"\0\0\0\x01\x63\0\0\0\0", b"GET / HTTP/1.1"])
def test_what_is_no_frame_is_refused_before_anything_is_kept_for_it(
    ends: tuple[socket.socket, socket.socket], head: bytes
) -> None:
    ends[0].sendall(head)
    reading = Frames(ends[1])
    with pytest.raises(FrameError, match="a message of kind"):
        read(reading)


def test_a_frame_that_is_too_long_is_not_sent(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "FRAME_BYTES_MAX", 10)
    with pytest.raises(FrameError, match="11 bytes; expected at most 10"):
        send(ends[0], Kind.CALL, 1, bytes(11))


def test_memory_is_taken_for_what_has_come_and_not_for_what_is_promised() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reading = Frames(ours)
        theirs.sendall(struct.pack(">IBI", FRAME_BYTES_MAX, Kind.REPLY, 1) + b"x" * 1000)
        tracemalloc.start()
        try:
            while reading.read() is None and tracemalloc.get_traced_memory()[1] < FRAME_BYTES_MAX:
                if not select.select([ours], [], [], 0.1)[0]:
                    break
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()


def test_a_large_message_comes_whole_however_it_is_cut() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        payload = os.urandom(5_000_001)
        sender = threading.Thread(target=send, args=(theirs, Kind.REPLY, 7, payload))
        sender.start()
        reading = Frames(ours)
        while (found := reading.read()) is None:
            pass
        sender.join(10)
        assert found == (Kind.REPLY, 7, payload)


def test_a_note_may_be_no_larger_than_is_said() -> None:
    with pytest.raises(FrameError, match="expected at most"):
        head(Kind.NOTE, 0, bytes(NOTE_BYTES_MAX + 1))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(struct.pack(">IBI", NOTE_BYTES_MAX + 1, Kind.ASK, 1))
        with pytest.raises(FrameError, match="kind 5"):
            Frames(ours).read()
