"""Every metric, declared once: its names, its type, its labels, what it means, and how it is read from a look.

The route, the reference page, the board and the alert rules are all made from this table. A family is a set of names
that some board or alert rule reads: `connect` are our own; the others carry the same figures under the names that
Kafka Connect's have where an exporter, or a reporter, made Prometheus's out of JMX's.

What the families share has one series: a name is there once, however many families have it, and a figure of all
connectors together (`connector="aggregate"`) is there only where there is none for each, so that no sum counts twice.

    own       our own, with panels and alerts
    kafka     Kafka Connect's
    debezium  Debezium's
    metric    what a declaration is made of
    reading   how figures are read from a look
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from connect.metrics.debezium import DEBEZIUM_METRICS
from connect.metrics.kafka import KAFKA_METRICS
from connect.metrics.metric import Metric
from connect.metrics.own import OWN_METRICS

METRICS: Final[tuple[Metric, ...]] = (*OWN_METRICS, *KAFKA_METRICS, *DEBEZIUM_METRICS)


def wanted(families: Iterable[str]) -> list[tuple[Metric, tuple[str, ...]]]:
    """Return the metrics of some families, each with the names that it has there."""
    chosen, found = frozenset(families), []
    for metric in METRICS:
        names = tuple(name for name, of in metric.names if of & chosen)
        if names:
            found.append((metric, names))
    return found
