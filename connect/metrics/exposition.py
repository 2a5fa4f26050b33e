"""Metrics as text: Prometheus's format 0.0.4, and OpenMetrics 1.0.0.

Written here, and not by prometheus_client, whose writer takes some 20 µs for a sample: 50 connectors have about six
thousand (decision 0082). Its parsers are what the tests read these texts with, and its figures of the process are
taken over.

Source: Prometheus, docs/instrumenting/exposition_formats.md; OpenMetrics 1.0.0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, cast

from connect.figures import Histogram
from connect.metrics.declarations import wanted
from connect.metrics.metric import Metric
from connect.metrics.reading import Histograms, Reading, Samples
from connect.metrics.snapshot import Looks, WorkerLook
from connect.runtime.host import Host

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Texts:
    """The texts of one worker. For the event loop."""

    def __init__(self, host: Host) -> None:
        self._looks = Looks(host)
        self._families = host.base.config.metrics_families

    async def text(self, accept: str) -> tuple[bytes, str]:
        """Return what there is to tell now, and of which kind the text is, for what a request accepts."""
        look, openmetrics = await self._looks.look(), "application/openmetrics-text" in accept
        # Aside: the loop is everybody's, and this takes some milliseconds.
        text = await asyncio.to_thread(render, look, self._families, openmetrics=openmetrics)
        return text, OPENMETRICS if openmetrics else TEXT

    async def aclose(self) -> None:
        """End what is under way."""
        await self._looks.aclose()


def render(look: WorkerLook, families: Iterable[str], *, openmetrics: bool = False) -> bytes:
    """Return a look as text. Takes some milliseconds for 50 connectors: for a thread."""
    read, parts = Reading(look), list[str]()
    for metric, names in wanted(families):
        _write(parts, metric, names, read, openmetrics=openmetrics)
    _write_process(parts, openmetrics=openmetrics)
    if openmetrics:
        parts.append("# EOF\n")
    return "".join(parts).encode()


def _write(parts: list[str], metric: Metric, names: tuple[str, ...], read: Reading, *, openmetrics: bool) -> None:
    told: str | None = metric.meaning  # once: the other names are of the same
    if metric.kind == "histogram":
        for name in names:
            parts.append(_head(name, metric.kind, told, openmetrics=openmetrics))
            for text, histogram in cast(Histograms, metric.samples(read)):
                _write_histogram(parts, name, text, histogram)
        return
    samples = [(text, number(value)) for text, value in cast(Samples, metric.samples(read))]
    for name in names:
        parts.append(_head(name, kind_of(metric, name), told, openmetrics=openmetrics))
        parts += [f"{name}{text} {value}\n" for text, value in samples]
        told = None


def kind_of(metric: Metric, name: str) -> str:
    """Return the type of one of a metric's names: OpenMetrics knows a counter by its ending."""
    return "unknown" if metric.kind == "counter" and not name.endswith("_total") else metric.kind


def _head(name: str, kind: str, meaning: str | None, *, openmetrics: bool) -> str:
    if openmetrics:
        name = name.removesuffix("_total") if kind == "counter" else name
    elif kind == "unknown":
        kind = "untyped"
    head = f"# TYPE {name} {kind}\n"
    if meaning is None:
        return head
    meaning = meaning.replace("\\", r"\\")
    if openmetrics:
        meaning = meaning.replace('"', r"\"")
    return f"# HELP {name} {meaning}\n{head}"


def _write_histogram(parts: list[str], name: str, told: str, histogram: Histogram) -> None:
    open_ = told[:-1] + "," if told else "{"
    count = 0
    for bound, one in zip((*map(repr, histogram.bounds), "+Inf"), list(histogram.counts), strict=True):
        count += one
        parts.append(f'{name}_bucket{open_}le="{bound}"}} {count}\n')
    parts.append(f"{name}_sum{told} {number(histogram.sum_s)}\n{name}_count{told} {count}\n")


def number(value: float) -> str:
    """Return a value as both formats have it: whole numbers in full, others in nine digits."""
    return str(int(value)) if value == int(value) else f"{value:.9g}"


def _write_process(parts: list[str], *, openmetrics: bool) -> None:
    """Write the figures of the process, by prometheus_client's names."""
    from prometheus_client import CollectorRegistry, ProcessCollector  # when somebody asks: a start goes without

    for family in ProcessCollector(registry=CollectorRegistry()).collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        parts.append(_head(name, family.type, family.documentation, openmetrics=openmetrics))
        parts += [f"{sample.name} {number(sample.value)}\n" for sample in family.samples]
