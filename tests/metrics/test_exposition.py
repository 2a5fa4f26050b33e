from __future__ import annotations

import time
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from connect.metrics.exposition import number, render
from connect.metrics.metric import FAMILIES
from connect.metrics.reading import labels
from connect.metrics.snapshot import Looks
from tests.metrics.looks import make_look, make_task
from tests.support.monitored import monitored_worker, scrape


async def test_both_formats_say_the_same_to_prometheus_own_parsers(tmp_path: Path) -> None:
    async with monitored_worker(tmp_path) as worker:
        look = await Looks(worker.herder).look()
    text, open_text = (render(look, FAMILIES, openmetrics=one).decode() for one in (False, True))
    plain = {(s.name, tuple(s.labels.items())) for f in text_string_to_metric_families(text) for s in f.samples}
    opened = {(s.name, tuple(s.labels.items())) for f in openmetrics_families(open_text) for s in f.samples}
    assert plain == opened
    assert len(plain) == text.count("\n") - text.count("# ") > 500


async def test_no_series_is_there_twice(tmp_path: Path) -> None:
    async with monitored_worker(tmp_path) as worker:
        lines = (await scrape(worker)).splitlines()
    series = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len(series) == len(set(series))


def test_a_label_is_written_so_that_it_is_read_as_it_was() -> None:
    odd = 'a "quoted" \\ name\nof two lines'
    half = render(make_look(make_task(connector="half \ud800")), ["connect"]).decode()
    assert r'connector="half \\ud800"' in half, "an escape that the format does not know fails the whole scrape"
    text = render(make_look(make_task(connector=odd)), ["connect"]).decode()
    found = [s.labels.get("connector") for f in text_string_to_metric_families(text) for s in f.samples]
    assert odd in found
    assert labels() == ""


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (3.0, "3"), (0.25, "0.25"), (10737418240.0, "10737418240"), (1 / 3, "0.333333333")]
)
def test_a_number_is_written_in_full_or_in_nine_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_a_histogram_has_rising_counts_that_end_in_all_of_them() -> None:
    task = make_task()
    for seconds in (0.0001, 0.05, 5.0, 500.0):
        task.meter.took("put", seconds)
    text = render(make_look(task), ["connect"]).decode()
    counts = [
        float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("connect_stage_seconds_bucket")
    ]
    assert counts == [1, 2, 2, 3, 4]
    assert 'connect_stage_seconds_count{connector="c",stage="put"} 4\n' in text


def test_the_process_is_told_by_prometheus_own_names() -> None:
    text = render(make_look(), ["connect"]).decode()
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"):
        assert f"\n{name} " in text


def test_fifty_connectors_are_rendered_within_twenty_ms_and_600_kb() -> None:
    look = make_look(
        *(
            make_task(connector=f"orders-{kind}-{n:02}", kind=kind, is_busy=True)
            for n in range(25)
            for kind in ("source", "sink")
        )
    )
    took = []
    for _ in range(10):
        began = time.thread_time()
        text = render(look, FAMILIES)
        took.append(time.thread_time() - began)
    assert len(text) <= 600_000
    assert min(took) <= 0.020
