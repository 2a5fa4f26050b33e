"""Writes what is made of the declarations of metrics: `python -m tests.docs.metrics_pages`.

The tables of docs/reference/metrics.md, and in configs/monitoring/ a board for Grafana and alert rules for
Prometheus. A test fails where one of them is not what would be written now.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from connect.metrics.declarations import METRICS
from connect.metrics.exposition import kind_of
from connect.metrics.metric import CONFLUENT, DEBEZIUM, FAMILIES, OWN, REPORTER, STRIMZI, Metric, Panel

HOUSE = Path(__file__).parents[2]
PAGE = HOUSE / "docs" / "reference" / "metrics.md"
BOARD = HOUSE / "configs" / "monitoring" / "grafana-dashboard.json"
RULES = HOUSE / "configs" / "monitoring" / "prometheus-rules.yaml"

#: What prometheus_client tells of the process, as far as it is on the board.
PROCESS: Final = (
    ("process_resident_memory_bytes", "gauge", "Memory of the worker's process.",
     Panel("Worker", "Resident memory", (), "bytes")),
    ("process_cpu_seconds_total", "counter", "Processor time of the worker's process; 100 % is one core.",
     Panel("Worker", "CPU", (), "percentunit")),
)  # fmt: skip
#: Programs of every kind tell of their processes by these names.
_WORKERS: Final = "and on (job, instance) connect_worker_info"

# -- the page ------------------------------------------------------------------------------------------------------

_TABLE: Final = re.compile(
    r"(<!-- table of ([a-z ]+): python -m tests\.docs\.metrics_pages -->\n).*?(<!-- end -->)", re.S
)


def render_page() -> str:
    """Return the reference page: as it stands, with its tables made anew."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{_table_of(found[2])}\n{found[3]}", PAGE.read_text())


def _table_of(what: str) -> str:
    match what:
        case "families":
            rows = "".join(f"| `{name}` | {told} |\n" for name, told in FAMILIES.items())
            return f"| family | what it is for |\n|---|---|\n{rows}"
        case "our own":
            return _table([metric for metric in METRICS if _has(metric, OWN)], with_families=False)
        case "debezium":
            return _table([metric for metric in METRICS if _has(metric, DEBEZIUM)], with_families=False)
    kafkas = (CONFLUENT, STRIMZI, REPORTER)
    return _table([m for m in METRICS if any(_has(m, one) for one in kafkas)], with_families=True)


def _has(metric: Metric, family: str) -> bool:
    return any(family in of for _, of in metric.names)


def _table(metrics: list[Metric], *, with_families: bool) -> str:
    rows = ["| name | type | labels | meaning |", "|---|---|---|---|"]
    for metric in metrics:
        names = "<br>".join(_named(name, of, with_families=with_families) for name, of in metric.names)
        kind = "<br>".join(dict.fromkeys(kind_of(metric, name) for name, _ in metric.names))
        told = metric.meaning if not metric.source or with_families else f"{metric.meaning} {metric.source}"
        rows.append(f"| {names} | {kind} | {', '.join(f'`{label}`' for label in metric.labels)} | {told} |")
    return "\n".join(rows) + "\n"


def _named(name: str, of: frozenset[str], *, with_families: bool) -> str:
    if not with_families:
        return f"`{name}`"
    marks = "".join(mark for mark, family in (("C", CONFLUENT), ("S", STRIMZI), ("R", REPORTER)) if family in of)
    return f"`{name}` {marks}"


# -- the board -----------------------------------------------------------------------------------------------------

_WIDTH, _HEIGHT = 8, 7


def expression(name: str, kind: str, labels: tuple[str, ...], panel: Panel) -> str:
    """Return what a panel asks for."""
    matchers = ['job=~"$job"', 'instance=~"$instance"', *(['connector=~"$connector"'] if "connector" in labels else [])]
    chosen = "{" + ", ".join([*matchers, *([panel.where] if panel.where else [])]) + "}"
    by = ", ".join(panel.by or ("job", "instance"))
    match kind:
        case "histogram":
            return f"histogram_quantile(0.99, sum by (le, {by}) (rate({name}_bucket{chosen}[$__rate_interval])))"
        case "counter" if not panel.as_total:
            return f"{panel.over} by ({by}) (rate({name}{chosen}[$__rate_interval]))"
    return f"{panel.over} by ({by}) ({name}{chosen})"


def panels() -> Iterator[tuple[Panel, str, str]]:
    """Yield each panel with what it asks for and what it says."""
    found = [
        (m.panel, expression(m.name, m.kind, m.labels, m.panel), m.meaning) for m in METRICS if m.panel is not None
    ]
    found += [(panel, f"{expression(name, kind, (), panel)} {_WORKERS}", told) for name, kind, told, panel in PROCESS]
    rows = list(dict.fromkeys(panel.row for panel, *_ in found))
    yield from sorted(found, key=lambda one: rows.index(one[0].row))


def render_board() -> str:
    """Return the board."""
    made: list[dict[str, Any]] = []
    row, x, y = "", 0, 0
    for panel, asked, meaning in panels():
        if panel.row != row:
            y += _HEIGHT if x else 0
            row, x = panel.row, 0
            made.append({"type": "row", "title": row, "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}, "panels": []})
            y += 1
        elif x + _WIDTH > 24:
            x, y = 0, y + _HEIGHT
        made.append(_panel(panel, asked, meaning, x, y))
        x += _WIDTH
    for number, one in enumerate(made, 1):
        one["id"] = number
    board = {
        "title": "Connect",
        "uid": "connect-worker",
        "tags": ["connect"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_datasource(), *map(_variable, ("job", "instance", "connector"))]},
        "panels": made,
    }
    return json.dumps(board, indent=1) + "\n"


def _panel(panel: Panel, asked: str, meaning: str, x: int, y: int) -> dict[str, Any]:
    legend = " ".join(f"{{{{{label}}}}}" for label in panel.by or ("instance",))
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": meaning,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": {"h": _HEIGHT, "w": _WIDTH, "x": x, "y": y},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [{"refId": "A", "expr": asked, "legendFormat": legend}],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}


def _variable(label: str) -> dict[str, Any]:
    metric = "connect_task_state" if label == "connector" else "connect_worker_info"
    within = "" if label == "job" else '{job=~"$job"}'
    return {
        "name": label,
        "type": "query",
        "label": label.capitalize(),
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": f"label_values({metric}{within}, {label})",
        "refresh": 2,
        "includeAll": True,
        "allValue": ".+",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }


# -- the rules -----------------------------------------------------------------------------------------------------


def render_rules() -> str:
    """Return the alert rules. Texts are JSON's, which are YAML's too."""
    lines = [
        "# Alert rules for Prometheus, made from the declarations of metrics: python -m tests.docs.metrics_pages",
        "groups:",
        "- name: connect",
        "  rules:",
    ]
    for metric in METRICS:
        for alert in metric.alerts:
            lines += [
                f"  - alert: {alert.name}",
                f"    expr: {json.dumps(alert.condition.format(metric=metric.name))}",
                f"    for: {alert.duration}",
                "    labels:",
                f"      severity: {alert.severity}",
                "    annotations:",
                f"      summary: {json.dumps(alert.summary)}",
                f"      description: {json.dumps(f'{alert.action}.')}",
            ]
    return "\n".join(lines) + "\n"


#: What is written, and what makes it.
FILES: Final = {PAGE: render_page, BOARD: render_board, RULES: render_rules}


def main() -> None:
    for path, made in FILES.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(made())


if __name__ == "__main__":
    main()
