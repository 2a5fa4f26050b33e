"""What stands below the groups, the transactions and the sessions, so that none of them knows a producer."""

from __future__ import annotations

import inspect
import sys

from connect.log.appender import Appender
from connect.log.clients.producer import LogProducer
from connect.records import Columns
from tests.log.conftest import values_of


async def test_a_producer_s_append_is_one_and_calls_take_their_places_in_the_order_in_which_they_run(cluster):
    await cluster.admin.create_topic("t")
    append: Appender = cluster.producer(client_id="p").append
    first, second = (append("t", Columns([value]), partition=0) for value in (b"1", b"2"))
    await second  # made later, run first
    await first
    assert await values_of(cluster, "t") == [b"2", b"1"]


def test_both_ways_to_append_have_its_signature():
    asked = inspect.signature(Appender.__call__)
    for method in (LogProducer.append, LogProducer.append_for_log):
        parameters = inspect.signature(method).parameters
        assert list(parameters) == list(asked.parameters)
        assert [each.default for each in parameters.values()] == [each.default for each in asked.parameters.values()]


def test_it_knows_nothing_of_the_log():
    source = inspect.getsource(sys.modules[Appender.__module__])
    assert "import connect.log" not in source
    assert "from connect.log" not in source
