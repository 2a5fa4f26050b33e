"""The page, the board and the alert rules say what the metrics are now, and find them on a worker."""

from __future__ import annotations

import json
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
ONLY_THEN = {'connect_task_state{state="unassigned"} == 1'}


@pytest.fixture
async def scraped(tmp_path: Path) -> AsyncIterator[Scrape]:
    async with monitored_worker(tmp_path) as worker:
        yield Scrape(await scrape(worker))


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
