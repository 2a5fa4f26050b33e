from __future__ import annotations

import dataclasses

from connect.metrics.own import OWN_METRICS
from connect.metrics.reading import Reading
from connect.runtime.tasks.meter import Times
from tests.metrics.looks import make_look, make_task


def test_our_own_counters_end_in_total_and_times_in_seconds() -> None:
    for metric in OWN_METRICS:
        assert metric.name.startswith("connect_")
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
        assert metric.kind != "histogram" or metric.name.endswith("_seconds"), metric.name


def test_an_alert_asks_for_its_metric_and_says_what_to_do() -> None:
    alerts = [(metric, alert) for metric in OWN_METRICS for alert in metric.alerts]
    assert len({alert.name for _, alert in alerts}) == len(alerts) > 5
    for metric, alert in alerts:
        assert metric.name in alert.condition.format(metric=metric.name)
        assert alert.summary and alert.action and not alert.action.endswith(".")


def test_histograms_of_tasks_are_summed_up_by_connector() -> None:
    one, other = make_task(number=0, is_busy=True), make_task(number=1, is_busy=True)
    metric = next(metric for metric in OWN_METRICS if metric.name == "connect_end_to_end_seconds")
    ((text, histogram),) = metric.samples(Reading(make_look(one, other)))
    assert text == '{connector="c"}'
    assert not isinstance(histogram, float | int)
    assert sum(histogram.counts) == 2


def test_a_connector_of_which_no_task_is_here_has_no_times() -> None:
    gone = Times()
    gone.took("put", 0.1)
    look = dataclasses.replace(make_look(make_task(connector="here")), ended={"gone": [gone], "here": [gone]})
    metric = next(metric for metric in OWN_METRICS if metric.name == "connect_stage_seconds")
    assert [text for text, _ in metric.samples(Reading(look))] == ['{connector="here",stage="put"}']
