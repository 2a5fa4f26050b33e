"""What a preview answers, and what it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NotRequired

from typing_extensions import TypedDict

from connect.runtime.tasks.walks import Fault, Walk

RECORDS_MAX: Final = 200
TIMEOUT_MS_MAX: Final = 60_000
TIMEOUT_MS_MIN: Final = 100

Start = Literal["earliest", "latest", "committed"]
EndedBy = Literal["records", "time", "size", "end"]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be previewed.

    Attributes:
        config: The connector's, with references to config providers, and without what was hidden of it.
        records: How many records, 1 to `RECORDS_MAX`.
        timeout_ms: For all of it, once its turn has come.
        start: Where to begin. A sink: at the beginning or the end of its topics, or where its group is; None is the
            beginning. A source: 'committed' is where the connector of this name is; else it begins as a new one.
        name: The connector's name, where the config has none.
        allow_effects: Run a source whose class does not say that a preview leaves nothing behind.
    """

    config: Mapping[str, str | None]
    records: int = 20
    timeout_ms: int = 10_000
    start: Start | None = None
    name: str | None = None
    allow_effects: bool = False


class ConfigProblem(TypedDict):
    """What is wrong with a key of the config. `value` is the one that is wrong, where it may be shown."""

    name: str
    message: str
    value: NotRequired[str]


class TargetItem(TypedDict):
    """One thing that a sink would write; `records` are the indexes of the walks that it is written for."""

    text: str
    parameters: list[Any] | None
    records: list[int]
    error: Fault | None


class Target(TypedDict):
    """What a sink would write. `note` says what was not tried."""

    kind: Literal["statements", "rows", "lines", "files", "records", "none"]
    items: list[TargetItem]
    note: str


PreviewAnswer = TypedDict(
    "PreviewAnswer",
    {
        "type": Literal["source", "sink"],
        "class": str,
        "walks": list[Walk],
        "target": Target | None,
        "problems": list[ConfigProblem],
        "error": Fault | None,
        "ended_by": EndedBy,
        "took_ms": int,
    },
)
PreviewAnswer.__doc__ = """What a preview came to.

`problems` are the config's; with any of them nothing was run. `error` is what ended the preview as a whole, such as a
server that cannot be reached; what a single record failed on is in its step. `target` is null for a source.
"""
