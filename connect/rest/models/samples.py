"""Records of a running connector on their way."""

from __future__ import annotations

from typing import Any, Final

from typing_extensions import TypedDict

from connect.rest.models.base import example
from connect.runtime.tasks.sampling import SampledWalk, StageCount

_RECORD: Final[dict[str, Any]] = {
    "topic": "orders",
    "partition": None,
    "timestamp": None,
    "key": None,
    "key_schema": None,
    "value": {"id": 1},
    "value_schema": None,
    "headers": [],
}
_STEP: Final[dict[str, Any]] = {
    "stage": "source",
    "alias": None,
    "plugin": None,
    "predicate": None,
    "applied": None,
    "records": [_RECORD],
    "changed": [],
    "dropped": False,
    "error": None,
}


class NotSampled(TypedDict):
    """A task of which nothing is looked at, and why."""

    task: int
    why: str


@example(
    {
        "sampling": True,
        "until": 1767225610000,
        "stages": [
            {"stage": "source", "alias": None, "plugin": "Datagen", "seen": 12431, "dropped": 0, "failed": 0},
            {"stage": "transform", "alias": "mask", "plugin": "MaskField", "seen": 12431, "dropped": 0, "failed": 0},
        ],
        "walks": [
            {
                "index": 0,
                "topic": "orders",
                "partition": None,
                "offset": None,
                "steps": [
                    _STEP,
                    {
                        **_STEP,
                        "stage": "transform",
                        "alias": "mask",
                        "plugin": "MaskField",
                        "records": [{**_RECORD, "value": {"id": 0}}],
                        "changed": [{"path": "value.id", "kind": "changed"}],
                    },
                ],
                "task": 0,
                "at": 1767225600000,
            }
        ],
        "not_sampled": [],
    }
)
class Samples(TypedDict):
    """The last records that were looked at, the oldest first, and what went through each stage since the tasks began.

    `sampling`: some task is looked at, until `until` unless it is asked for again; `not_sampled`: of which nothing is,
    and why.
    """

    sampling: bool
    until: int
    stages: list[StageCount]
    walks: list[SampledWalk]
    not_sampled: list[NotSampled]
