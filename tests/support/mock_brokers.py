"""Brokers that librdkafka plays, in this process: they answer as they are told, which real ones do only now and then.

They know topics, groups and offsets, as far as clients need; see `rdkafka_mock.h` of librdkafka.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import confluent_kafka

#: Kafka's numbers of requests.
OFFSET_COMMIT: Final = 8
OFFSET_FETCH: Final = 9
_PRODUCER: Final = 0


class MockBrokers:
    """Brokers on free ports of loopback; see `mock_brokers`."""

    def __init__(self, library: ctypes.CDLL, handle: int) -> None:
        self._library = library
        self._handle = handle
        servers = library.rd_kafka_mock_cluster_bootstraps
        servers.restype, servers.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
        #: `bootstrap.servers` of clients.
        self.servers: str = servers(handle).decode()

    def create_topic(self, name: str, partitions: int) -> None:
        """Make a topic."""
        create = self._library.rd_kafka_mock_topic_create
        create.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
        assert create(self._handle, name.encode(), partitions, 1) == 0

    def answer_with(self, request: int, *codes: int) -> None:
        """Have the next requests of a kind be answered with these error codes, each with one."""
        push = self._library.rd_kafka_mock_push_request_errors_array
        push.argtypes = [ctypes.c_void_p, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)]
        push(self._handle, request, len(codes), (ctypes.c_int * len(codes))(*codes))


@contextmanager
def mock_brokers(count: int = 1) -> Iterator[MockBrokers]:
    """Run brokers."""
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka*"))))
    new = library.rd_kafka_new
    new.restype, new.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_conf_new.restype = ctypes.c_void_p
    configs, why = library.rd_kafka_conf_new(), ctypes.create_string_buffer(512)
    library.rd_kafka_conf_set.argtypes = [ctypes.c_void_p, *[ctypes.c_char_p] * 3, ctypes.c_size_t]
    # Who plays has no brokers of its own, and would say so.
    library.rd_kafka_conf_set(configs, b"log_level", b"0", why, len(why))
    client = new(_PRODUCER, configs, why, len(why))
    assert client, why.value
    make = library.rd_kafka_mock_cluster_new
    make.restype, make.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]
    handle = make(client, count)
    try:
        yield MockBrokers(library, handle)
    finally:
        for end, what in ((library.rd_kafka_mock_cluster_destroy, handle), (library.rd_kafka_destroy, client)):
            end.argtypes = [ctypes.c_void_p]
            end(what)
