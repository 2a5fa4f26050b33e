"""The client that asks a cluster about topics and groups, and what librdkafka (2.16) leaves to do for it.

It answers on a thread of its own, and the process dies (SIGSEGV) where that happens to a client that is gone by then:
so one is not destroyed while a request is under way.

Most requests go to the broker that the metadata calls the controller, and brokers name any of themselves. Where that
one dies, an administrator tries to reach it without a pause, at the price of a core, and asks no other broker who it is
by now before `topic.metadata.refresh.interval.ms` is over, five minutes: so who waits for long has it asked.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

log = logging.getLogger(__name__)

#: How long a request waits before the client looks who the brokers are, and how often it does.
PATIENCE_S: Final = 2.0
#: How long that look may take.
_LOOK_S: Final = 5.0
_TICK_S: Final = 0.5


class WatchedAdminClient(AdminClient):  # type: ignore[misc]
    """An administrator that knows which of its requests are under way.

    One that is given up waits for its answers; where these do not come in time, it is never destroyed.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        #: Since when.
        self._under_way: dict[Future[Any], float] = {}
        self._watching = threading.Lock()

    def give_up(self, timeout_s: float) -> None:
        """Wait for what is under way; blocks."""
        if wait(list(self._under_way), timeout_s).not_done:
            log.debug("an administrator whose requests have no answer is kept until the process ends")
            _kept.append(self)
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))  # the interpreter's end destroys what modules hold

    def _noted(self, found: Any) -> Any:
        for future in found.values() if isinstance(found, dict) else [found]:
            self._under_way[future] = time.monotonic()
            future.add_done_callback(self._forget)
        self._begin_to_watch()
        return found

    def _begin_to_watch(self) -> None:
        if self._watching.acquire(blocking=False):
            try:
                threading.Thread(target=self._watch, name="connect-kafka-admin-watch", daemon=True).start()
            except BaseException:
                self._watching.release()
                raise

    def _forget(self, future: Future[Any]) -> None:
        self._under_way.pop(future, None)

    def _watch(self) -> None:
        """Look who the brokers are while a request waits for long; ends with the last request."""
        looked_at = -PATIENCE_S
        try:
            while self._under_way:
                time.sleep(_TICK_S)
                before = time.monotonic() - PATIENCE_S
                if looked_at <= before and any(since <= before for since in list(self._under_way.values())):
                    self._look()
                    looked_at = time.monotonic()
        finally:
            self._watching.release()
        if self._under_way:  # of one that came in between nobody looks yet
            self._begin_to_watch()

    def _look(self) -> None:
        try:
            self.list_topics(timeout=_LOOK_S)
        except KafkaException as error:
            log.debug("no broker tells who the others are: %s", error)


#: Of clients that must not be destroyed.
_kept: list[AdminClient] = []


def _noting(name: str) -> Callable[..., Any]:
    ask = getattr(AdminClient, name)

    @functools.wraps(ask)
    def asked(self: WatchedAdminClient, *arguments: Any, **options: Any) -> Any:
        return self._noted(ask(self, *arguments, **options))

    return asked


#: What `connect.kafka` asks of an administrator and what answers by futures.
ASKED: Final = (
    "alter_consumer_group_offsets",
    "create_partitions",
    "create_topics",
    "delete_consumer_groups",
    "delete_records",
    "delete_topics",
    "describe_configs",
    "describe_consumer_groups",
    "describe_topics",
    "incremental_alter_configs",
    "list_consumer_groups",
    "list_offsets",
)
for _name in ASKED:
    setattr(WatchedAdminClient, _name, _noting(_name))
