from __future__ import annotations

from connect.rest.models.worker import ServerInfo
from tests.support.recorded import body, members


def test_the_server_is_told_in_kafka_connects_order() -> None:
    assert members(ServerInfo) == list(body("root/info"))
