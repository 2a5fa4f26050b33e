"""What a metric is: its names by families, its type, its labels, what it means, and where it stands on our board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from connect.metrics.reading import Histograms, Reading, Samples

Kind = Literal["gauge", "counter", "unknown", "histogram"]

OWN: Final = "connect"
CONFLUENT: Final = "confluent"
STRIMZI: Final = "strimzi"
REPORTER: Final = "strimzi-reporter"
DEBEZIUM: Final = "debezium"
#: What `metrics.families` may name, and what each is for.
FAMILIES: Final[Mapping[str, str]] = {
    OWN: "Connect's own: all that is there, with labels that are the same everywhere.",
    CONFLUENT: "What Confluent's boards read, by the names of the present exporter and of the one before.",
    STRIMZI: "What Strimzi's board and alert rules read where its exporter for JMX runs.",
    REPORTER: "What Strimzi's board reads where its metrics reporter runs.",
    DEBEZIUM: "What Debezium's board reads, of change data capture from PostgreSQL.",
}


@dataclass(frozen=True, slots=True)
class Panel:
    """Where a metric stands on our board.

    Attributes:
        row: The heading that it is below.
        title: The panel's.
        by: The labels that are told apart.
        unit: Grafana's name of it.
        over: How series are put together: sum, or max.
        where: A matcher of labels, to look at some series alone.
        as_total: A counter is shown as it stands. Of a series that is not there before it counts something, a rate
            misses the first, which of what is rare is all.
    """

    row: str
    title: str
    by: tuple[str, ...]
    unit: str = "short"
    over: str = "sum"
    where: str = ""
    as_total: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert rule about a metric.

    Attributes:
        condition: A PromQL expression; `{metric}` is the metric's name.
        summary: One line, with Prometheus's own places for labels and the value.
    """

    name: str
    condition: str
    duration: str
    severity: str
    summary: str
    action: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        names: Its names, each with the families that have it.
        labels: In the order in which they are written.
        source: Where the figure comes from, for people, where its help does not say so.
        samples: Reads it; a histogram's gives histograms.
    """

    names: tuple[tuple[str, frozenset[str]], ...]
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    samples: Callable[[Reading], Samples | Histograms]
    source: str = ""
    panel: Panel | None = None
    alerts: tuple[Alert, ...] = ()

    @property
    def name(self) -> str:
        """The first of its names."""
        return self.names[0][0]


def names_of(families: Mapping[str, Sequence[str]]) -> tuple[tuple[str, frozenset[str]], ...]:
    """Return names with their families, of names by families."""
    every: dict[str, set[str]] = {}
    for family, names in families.items():
        for name in names:
            every.setdefault(name, set()).add(family)
    return tuple((name, frozenset(of)) for name, of in every.items())
