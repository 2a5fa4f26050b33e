from __future__ import annotations

import inspect
import subprocess
import sys
import time
from concurrent.futures import Future
from itertools import pairwise
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from connect.kafka import admin_client as module
from connect.kafka.admin_client import ASKED, WatchedAdminClient
from tests.support.kafka_broker import SharedBroker

#: Nobody listens there.
NOWHERE = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}
GIVEN_UP = """
import gc, sys
from connect.kafka.admin_client import WatchedAdminClient
for number in range(30):
    client = WatchedAdminClient({"bootstrap.servers": sys.argv[1], "log_level": 0})
    found = []
    for n in range(5):
        found += client.describe_consumer_groups([f"g{number}{n}"], request_timeout=10).values()
    try:
        found[0].result(10)
    except Exception:
        pass
    client.give_up(0)
    del client
    gc.collect()
"""


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_a_client_that_is_given_up_while_brokers_answer_does_not_end_the_process(broker: SharedBroker) -> None:
    done = subprocess.run([sys.executable, "-c", GIVEN_UP, broker.bootstrap], timeout=120, check=False)
    assert done.returncode == 0


def test_giving_up_waits_for_what_is_under_way() -> None:
    client = WatchedAdminClient(NOWHERE)
    asked: Future[Any] = client.list_consumer_groups(request_timeout=0.3)
    assert list(client._under_way) == [asked]
    client.give_up(30)
    assert asked.done()
    assert not client._under_way


def test_every_request_that_is_answered_later_is_known() -> None:
    for name in ASKED:
        assert inspect.isfunction(getattr(WatchedAdminClient, name))
        assert getattr(WatchedAdminClient, name) is not getattr(AdminClient, name)


def test_while_a_request_waits_for_long_the_client_looks_who_the_brokers_are_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    looks: list[float] = []

    def look(self: WatchedAdminClient, **options: float) -> None:
        looks.append(time.monotonic())
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    monkeypatch.setattr(WatchedAdminClient, "list_topics", look)
    client = WatchedAdminClient(NOWHERE)
    asked = [client.list_consumer_groups(request_timeout=2.5) for _ in range(3)]
    client.give_up(30)
    assert all(future.done() for future in asked)
    assert len(looks) > 1 and min(later - before for before, later in pairwise(looks)) >= 0.5
    deadline = time.monotonic() + 30
    while not client._watching.acquire(blocking=False):
        assert time.monotonic() < deadline, "it is still watched"
        time.sleep(0.01)
