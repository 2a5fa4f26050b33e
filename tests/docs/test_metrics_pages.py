"""The page, the board and the alert rules say what the metrics are now, and find them on a worker."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from connect.metrics.declarations import METRICS
from tests.docs.metrics_pages import BOARD, FILES, PAGE, RULES
from tests.support.monitored import monitored_worker, scrape
from tests.support.promql import MissingError, Scrape


@pytest.mark.parametrize(("path", "made"), FILES.items(), ids=lambda one: getattr(one, "name", ""))
def test_a_file_is_what_would_be_written_now(path: Path, made: Callable[[], str]) -> None:
    assert path.read_text() == made(), "run: python -m tests.docs.metrics_pages"


def test_every_metric_is_on_the_page() -> None:
    page = PAGE.read_text()
    assert [name for metric in METRICS for name, _ in metric.names if f"`{name}`" not in page] == []


def expressions() -> Iterator[str]:
    """Yield all that our board and our rules ask for."""
    board: dict[str, Any] = json.loads(BOARD.read_text())
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (one["query"] for one in board["templating"]["list"] if one["type"] == "query")
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


#: What they ask for that is there only while something is not as it should be.
ONLY_THEN = {
    'connect_task_state{state="unassigned"} == 1',
    'connect_lag_seconds > 600 unless on (connector) connect_connector_state{state=~"paused|stopped"} == 1',
    # up is Prometheus's own
    "up == 0 and on (job, instance) last_over_time(connect_worker_info[6h])",
}


@pytest.fixture
async def scraped(tmp_path: Path) -> AsyncIterator[Scrape]:
    async with monitored_worker(tmp_path) as worker:
        yield Scrape(await scrape(worker))


#: For each alert, series that make it fire, and such as are near to it and do not: values a minute from each other.
WRONG: dict[str, dict[str, str]] = {
    "ConnectWorkerDown": {
        'up{job="connect", instance="a:8083"}': "1 1 0x20",
        'up{job="node", instance="a:9100"}': "0x20",
        'connect_worker_info{job="connect", instance="a:8083", version="1"}': "1 1 stale",
        'connect_worker_info{job="connect", instance="gone:8083", version="1"}': "1 1 stale",
    },
    "ConnectConnectorFailed": {
        'connect_connector_state{connector="orders", state="failed"}': "1x20",
        'connect_connector_state{connector="brief", state="failed"}': "1 stale",
        'connect_connector_state{connector="fine", state="running"}': "1x20",
    },
    "ConnectTaskFailed": {
        'connect_task_state{connector="orders", task="0", state="failed"}': "1x20",
        'connect_task_state{connector="orders", task="1", state="running"}': "1x20",
    },
    "ConnectTaskUnassigned": {'connect_task_state{connector="orders", task="0", state="unassigned"}': "1x20"},
    "ConnectSinkBehind": {
        'connect_lag_seconds{connector="orders"}': "700+60x20",
        'connect_lag_seconds{connector="near"}': "100x20",
        # Somebody asked for it.
        'connect_lag_seconds{connector="paused"}': "700+60x20",
        'connect_connector_state{connector="paused", state="paused"}': "1x20",
        'connect_connector_state{connector="orders", state="running"}': "1x20",
    },
    "ConnectTaskWaiting": {
        'connect_task_waiting{connector="orders", task="0"}': "1x20",
        'connect_task_waiting{connector="fine", task="0"}': "0x20",
    },
    "ConnectRecordsSkipped": {
        'connect_records_skipped_total{connector="orders", task="0"}': "0x10 3x10",
        # It was skipped before, and its worker begins anew.
        'connect_records_skipped_total{connector="old", task="0"}': "5x10 0x10",
    },
    "ConnectTaskRestarts": {
        'connect_task_restarts_total{connector="orders", task="0"}': "0+1x20",
        'connect_task_restarts_total{connector="once", task="0"}': "0x10 1x10",
    },
    "ConnectSlotHoldsLog": {
        'connect_plugin_gauge{connector="orders", task="0", gauge="slot.lag.bytes"}': "20000000000x20",
        'connect_plugin_gauge{connector="orders", task="0", gauge="rows"}': "20000000000x20",
    },
    "ConnectSlowDisk": {
        'connect_log_sync_seconds_bucket{instance="a:8083", le="1.0"}': "0x20",
        'connect_log_sync_seconds_bucket{instance="a:8083", le="2.5"}': "0+10x20",
        'connect_log_sync_seconds_bucket{instance="a:8083", le="+Inf"}': "0+10x20",
        'connect_log_sync_seconds_bucket{instance="b:8083", le="1.0"}': "0+10x20",
        'connect_log_sync_seconds_bucket{instance="b:8083", le="+Inf"}': "0+10x20",
    },
    "ConnectEventLoopHeld": {
        'connect_event_loop_delay_seconds_bucket{instance="a:8083", le="0.5"}': "0x20",
        'connect_event_loop_delay_seconds_bucket{instance="a:8083", le="2.5"}': "0+10x20",
        'connect_event_loop_delay_seconds_bucket{instance="a:8083", le="+Inf"}': "0+10x20",
        'connect_event_loop_delay_seconds_bucket{instance="b:8083", le="0.5"}': "0+10x20",
        'connect_event_loop_delay_seconds_bucket{instance="b:8083", le="+Inf"}': "0+10x20",
    },
}


def test_each_alert_fires_for_what_is_wrong_and_for_nothing_near_it(tmp_path: Path) -> None:
    """In Prometheus's own rules, evaluated by its own tool."""
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed")
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    assert {rule["alert"] for rule in group["rules"]} == WRONG.keys()
    (tmp_path / "rules.yaml").write_text(RULES.read_text())
    cases: list[dict[str, Any]] = []
    for rule in group["rules"]:
        name, series = rule["alert"], WRONG[rule["alert"]]
        first = _kept(next(iter(series)))
        cases.append(
            {
                "interval": "1m",
                "input_series": [{"series": one, "values": values} for one, values in series.items()],
                # One that fires tells of its own labels, and what is told of it is its text.
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}})',
                        "eval_time": "16m",
                        "exp_samples": [{"value": 1}],
                    },
                    {
                        "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing", {first}}})',
                        "eval_time": "16m",
                        "exp_samples": [{"value": 1}],
                    },
                ],
            }
        )
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": cases}))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _kept(series: str) -> str:
    """Return which labels of a series an alert keeps."""
    kept = [one for one in series.partition("{")[2].rstrip("}").split(", ") if not one.startswith("le=")]
    return ", ".join(kept)


async def test_every_expression_of_our_board_and_rules_finds_its_series_with_its_labels(scraped: Scrape) -> None:
    missing, asked = [], list(expressions())
    for expression in asked:
        try:
            scraped.of(expression)
        except MissingError as error:
            if expression not in ONLY_THEN:
                missing.append(f"{error}: {expression}")
    assert missing == []
    assert len(asked) > 30


def test_a_rule_says_what_is_wrong_and_what_to_do() -> None:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["description"].endswith(".")


def test_panels_of_the_board_do_not_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(BOARD.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
