from __future__ import annotations

import re

from connect.metrics.declarations import METRICS, wanted
from connect.metrics.exposition import render
from connect.metrics.metric import DEBEZIUM, FAMILIES, OWN
from connect.runtime.worker_config import METRIC_FAMILIES
from tests.metrics.looks import make_look, make_task
from tests.support.promql import Scrape


def test_a_name_is_declared_once() -> None:
    names = [name for metric in METRICS for name, _ in metric.names]
    assert len(names) == len(set(names))


def test_the_config_knows_the_families_that_there_are() -> None:
    assert tuple(FAMILIES) == METRIC_FAMILIES
    assert {family for metric in METRICS for _, of in metric.names for family in of} == set(FAMILIES)


def test_names_and_labels_are_prometheus() -> None:
    for metric in METRICS:
        for name, _ in metric.names:
            assert re.fullmatch(r"[a-z_]+|debezium_metrics_[A-Za-z]+", name)
        assert all(re.fullmatch(r"[a-z_]+", label) for label in metric.labels)
        assert metric.meaning.endswith((".", "...")), metric.name


def test_each_series_has_the_labels_that_are_declared() -> None:
    task = make_task(is_busy=True)
    task.meter.causes["TASK_PUT", "DataError"] = 1
    scraped = Scrape(render(make_look(task, make_task(connector="s", kind="source", is_busy=True)), FAMILIES).decode())
    declared = {name: set(metric.labels) for metric in METRICS for name, _ in metric.names}
    for name, series in scraped.series.items():
        known = declared.get(name, declared.get(re.sub("_(bucket|sum|count)$", "", name)))
        for one in series:
            assert name.startswith("process_") or set(one) - {"le"} <= (known or set()), name


def test_families_choose_what_is_told() -> None:
    own = {name for _, names in wanted([OWN]) for name in names}
    assert all(name.startswith("connect_") for name in own)
    assert {name for _, names in wanted([DEBEZIUM]) for name in names} == {
        name for metric in METRICS for name, of in metric.names if DEBEZIUM in of
    }
    assert not wanted([])
