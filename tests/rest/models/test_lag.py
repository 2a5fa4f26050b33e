from __future__ import annotations

from connect.rest.models.lag import ConnectorLag, PartitionLag, SinkLag
from connect.runtime import lag
from tests.support.recorded import members


def test_a_sinks_own_lag_is_what_the_list_has_with_its_partitions() -> None:
    assert members(ConnectorLag) == [*members(SinkLag), "partitions"]
    assert members(PartitionLag) == list(lag.PartitionLag.__dataclass_fields__)
