from __future__ import annotations

import pytest

from connect.metrics.reading import Reading, labels, of_all, of_sinks, of_sources
from tests.metrics.looks import make_look, make_task


@pytest.mark.parametrize(
    ("value", "text"), [("plain", "plain"), ('a "b"', r"a \"b\""), ("a\\b", r"a\\b"), ("a\nb", r"a\nb"), ("ü", "ü")]
)
def test_a_value_of_a_label_is_written_so_that_it_ends_where_it_ends(value: str, text: str) -> None:
    assert labels(connector=value, task="0") == f'{{connector="{text}",task="0"}}'


def test_sources_and_sinks_are_told_apart_and_what_is_not_installed_is_neither() -> None:
    tasks = (make_task(connector=kind, kind=kind) for kind in ("source", "sink", "unknown"))
    read = Reading(make_look(*tasks))
    assert list(of_sources(lambda task, _: task.records)(read)) == [('{connector="source",task="0"}', 2000)]
    assert list(of_sinks(lambda task, _: task.records)(read)) == [('{connector="sink",task="0"}', 2000)]
    assert list(of_all(lambda look: len(look.tasks))(read)) == [('{connector="aggregate"}', 3)]
