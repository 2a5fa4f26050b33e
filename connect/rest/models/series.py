"""Rates and times of a connector over the last hour."""

from __future__ import annotations

from typing import Final

from typing_extensions import TypedDict

from connect.rest.models.base import example

_EXAMPLE: Final = {
    "step_ms": 10000,
    "from": 1767225600000,
    "records_per_second": [1200.0, 1180.5],
    "lag": [None, None],
    "batch_ms": [1.8, 2.1],
    "commit_ms": [None, 4.2],
    "errors": [0.0, 0.0],
}

#: Not as a class, since one member's name is a keyword.
Series = TypedDict(
    "Series",
    {
        "step_ms": int,
        "from": int,
        "records_per_second": list[float | None],
        "lag": list[float | None],
        "batch_ms": list[float | None],
        "commit_ms": list[float | None],
        "errors": list[float | None],
    },
)
Series.__doc__ = """The points of a connector, the oldest first, each `step_ms` long, the first from `from` on.

`batch_ms`: the mean of what a source's appends, or a sink's puts, took; `commit_ms` of commits of offsets; null where
there were none. `lag`: of a sink; null where it is not known. `errors`: records that failed in the step.
"""
example(_EXAMPLE)(Series)
