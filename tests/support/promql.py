"""PromQL over one scrape, by its labels alone: which series an expression gives, and what it does not find.

Expressions are parsed by promql-parser. Values play no part: a comparison keeps every series, a rate needs no second
scrape. What a board adds (variables, `label_values`) is taken away first, and the labels that scraping adds are on
every series.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

import promql_parser as promql
from prometheus_client.parser import text_string_to_metric_families

Labels = Mapping[str, str]
#: What Prometheus, or its operator, adds to each series of a target.
SCRAPED = frozenset(
    {
        "container", "env", "instance", "job", "kafka_connect_cluster_id", "kubernetes_pod_name", "namespace", "pod",
        "strimzi_io_cluster", "strimzi_io_kind",
    }
)  # fmt: skip


class MissingError(Exception):
    """The scrape does not have what an expression asks for."""


class Scrape:
    """The series of one scrape, by name."""

    def __init__(self, text: str) -> None:
        self.series: dict[str, list[Labels]] = defaultdict(list)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self.series[sample.name].append(sample.labels)

    def of(self, expression: str) -> list[Labels]:
        """Return the labels of what an expression gives.

        Raises:
            MissingError: A selector finds nothing, a label that is asked for is missing, or a join is not one to one.
        """
        return self._of(promql.parse(plain(expression)))

    def _of(self, expr: object) -> list[Labels]:
        match expr:
            case promql.VectorSelector():
                return self._selected(expr)
            case promql.MatrixSelector():
                return self._selected(expr.vector_selector)
            case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
                return self._of(expr.expr)
            case promql.AggregateExpr():
                return _grouped(self._of(expr.expr), expr.modifier)
            case promql.Call():
                found = [one for given in expr.args for one in self._of(given)]
                return [_without(one, ["le"]) for one in found] if expr.func.name == "histogram_quantile" else found
            case promql.BinaryExpr():
                return self._joined(expr)
            case promql.NumberLiteral() | promql.StringLiteral():
                return []
        raise AssertionError(f"not known: {type(expr).__name__}")

    def _selected(self, selector: promql.VectorSelector) -> list[Labels]:
        if selector.name not in self.series:
            raise MissingError(f"no series is named {selector.name}")
        matchers = [m for m in selector.matchers.matchers if m.name not in SCRAPED and "VARIABLE" not in m.value]
        found = [one for one in self.series[selector.name] if all(_matches(m, one) for m in matchers)]
        if not found:
            raise MissingError(f"no series of {selector.name} matches {selector.prettify()}")
        return found

    def _joined(self, expr: promql.BinaryExpr) -> list[Labels]:
        left, right = self._of(expr.lhs), self._of(expr.rhs)
        if not left or not right:
            return left or right
        modifier = expr.modifier
        assert modifier is not None and modifier.matching is not None, "vectors are joined by labels that are named"
        on = modifier.matching.labels
        others: dict[tuple[str, ...], list[Labels]] = defaultdict(list)
        for one in right:
            others[_key(one, on)].append(one)
        joined = []
        for one in left:
            found = others.get(_key(one, on), [])
            if len(found) != 1:
                raise MissingError(f"{len(found)} series on the right of {expr.prettify()} for {dict(one)}")
            given = modifier.group_labels or []
            joined.append({**one, **{name: _label(found[0], name) for name in given}})
        return joined


def plain(expression: str) -> str:
    """Return what Prometheus would be asked: variables have some value, and a board's own functions are gone."""
    text = re.sub(r"\[\$__\w+\]", "[5m]", expression.strip())
    text = re.sub(r"\$\{?\w+\}?", "VARIABLE", text)
    if wrapped := re.fullmatch(r"label_values\((.+),\s*(\w+)\)", text, re.DOTALL):
        return wrapped[1] if wrapped[2] in SCRAPED else f"sum by ({wrapped[2]}) ({wrapped[1]})"
    if wrapped := re.fullmatch(r"query_result\((.+)\)", text, re.DOTALL):
        return wrapped[1]
    return text


def names(expression: str) -> set[str]:
    """Return the names of all series that an expression asks for."""
    found: set[str] = set()

    def look(expr: object) -> None:
        match expr:
            case promql.VectorSelector():
                found.add(expr.name)
            case promql.MatrixSelector():
                found.add(expr.vector_selector.name)
            case promql.Call():
                for one in expr.args:
                    look(one)
            case promql.BinaryExpr():
                look(expr.lhs)
                look(expr.rhs)
            case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr() | promql.AggregateExpr():
                look(expr.expr)

    look(promql.parse(plain(expression)))
    return found


def _matches(matcher: promql.Matcher, labels: Labels) -> bool:
    value = labels.get(matcher.name, "")
    match matcher.op:
        case promql.MatchOp.Equal:
            return value == matcher.value
        case promql.MatchOp.NotEqual:
            return value != matcher.value
        case promql.MatchOp.Re:
            return re.fullmatch(matcher.value, value) is not None
    return re.fullmatch(matcher.value, value) is None


def _grouped(series: Iterable[Labels], modifier: promql.AggModifier | None) -> list[Labels]:
    if modifier is None:
        return [{}]
    is_by = modifier.type == promql.AggModifierType.By
    groups = {}
    for one in series:
        kept = {n: _label(one, n) for n in modifier.labels} if is_by else _without(one, modifier.labels)
        groups[tuple(sorted(kept.items()))] = kept
    return list(groups.values())


def _label(labels: Labels, name: str) -> str:
    if name in SCRAPED:
        return labels.get(name, "")
    if not labels.get(name):
        raise MissingError(f"label {name} is missing on {dict(labels)}")
    return labels[name]


def _key(labels: Labels, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(_label(labels, name) for name in names)


def _without(labels: Labels, names: Iterable[str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name not in names}
