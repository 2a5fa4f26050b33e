from __future__ import annotations

import inspect

import pytest

from connect.runtime.distributed.crew import Crew
from connect.runtime.distributed.node import Node
from connect.runtime.herder import Herder
from connect.runtime.host import Host
from connect.runtime.task_host import TaskHost
from connect.runtime.worker import Worker


@pytest.mark.parametrize(("protocol", "kind"), [(Host, Herder), (Host, Node), (TaskHost, Worker), (TaskHost, Crew)])
def test_who_offers_a_protocol_has_each_of_its_methods_with_its_parameters(protocol: type, kind: type) -> None:
    for name, asked in inspect.getmembers(protocol, inspect.isfunction):
        if not name.startswith("_"):
            given = inspect.signature(getattr(kind, name)).parameters
            assert list(given) == list(inspect.signature(asked).parameters), name
