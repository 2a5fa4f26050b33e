from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from connect.metrics.debezium import DEBEZIUM_METRICS
from connect.metrics.reading import Reading, Samples
from tests.metrics.looks import make_look, make_task


def samples(
    attribute: str, gauges: Mapping[str, float], server: tuple[str, str] | None = ("postgres", "shop")
) -> dict[str, float]:
    task = dataclasses.replace(make_task(kind="source"), gauges=gauges, server=server)
    metric = next(one for one in DEBEZIUM_METRICS if one.name == f"debezium_metrics_{attribute}")
    found: Samples = metric.samples(Reading(make_look(task)))  # type: ignore[assignment]
    return dict(found)


def test_figures_are_by_the_server_and_by_stream_and_snapshot() -> None:
    found = samples("TotalNumberOfEventsSeen", {"streaming.events": 5, "snapshot.events": 3})
    assert found == {
        '{plugin="postgres",name="shop",task="0",context="streaming"}': 5,
        '{plugin="postgres",name="shop",task="0",context="snapshot"}': 3,
    }


def test_what_did_not_happen_yet_is_told_as_debezium_does() -> None:
    assert set(samples("MilliSecondsSinceLastEvent", {}).values()) == {-1}
    assert set(samples("MilliSecondsBehindSource", {}).values()) == {-1}
    assert set(samples("Connected", {}).values()) == {0}


def test_other_connectors_have_none() -> None:
    assert samples("Connected", {}, server=None) == {}
