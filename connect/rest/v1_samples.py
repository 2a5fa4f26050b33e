"""Under /v1: records of a running connector in front of each step and behind it, while somebody asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from connect.rest.answers import Answer, encode
from connect.rest.connectors import herder_of, host_of
from connect.rest.models.samples import NotSampled, Samples
from connect.rest.negotiation import name_of
from connect.rest.progress import ask_for_parts
from connect.rest.routes import Route
from connect.runtime.base import Base
from connect.runtime.clock import now_ms
from connect.runtime.model import State
from connect.runtime.tasks.sampling import ASKED_S, KEPT_MAX, SampledWalk, StageCount

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)

#: An answer has at most about so many bytes of records, but one record at least.
_BYTES_MAX: Final = 4 << 20
_Records = Annotated[int, Query(ge=1, le=KEPT_MAX, description="How many records, the last ones.")]


@router.get("/connectors/{name}/samples")
async def samples(request: Request, name: str, records: _Records = 5) -> Answer[Samples]:
    """Show the last records of a connector at each stage, and have some looked at for the next 10 s, so that the first
    answer may have none. Nothing is looked at while nobody asks."""
    herder, name = herder_of(request), name_of(name)
    status = herder.status(name)
    others = await ask_for_parts(request, name, f"samples?records={records}", lambda told: told)
    found = _merged([_own(herder.base, name, records), *others], records)
    here = {task.task for task in herder.base.worker.tasks(name)}
    known = here | {one["task"] for one in (*found["walks"], *found["not_sampled"])}
    is_silent = len(others) < len(host_of(request).workers()) - 1
    for task in status.tasks:
        if task.id not in known and (is_silent or task.state is State.UNASSIGNED):
            why = "no worker runs it" if task.state is State.UNASSIGNED else "its worker may not answer"
            found["not_sampled"].append({"task": task.id, "why": why})
    return Answer(found)


@router.get("/worker/connectors/{name}/samples")
async def own_samples(request: Request, name: str, records: _Records = 5) -> Answer[Samples]:
    """Show the part that this worker has, and have records of the tasks that it runs looked at."""
    return Answer(_own(host_of(request).base, name_of(name), records))


def _own(base: Base, name: str, records: int) -> Samples:
    walks, stages = list[SampledWalk](), list[StageCount]()
    missing = list[NotSampled]()
    sampling = False
    for task in base.worker.tasks(name):
        runner = base.worker.runner(task)
        if runner is None:
            continue
        sampler = runner.sample()
        if sampler is None:
            missing.append({"task": task.task, "why": f"it is {runner.state.value}"})
        else:
            sampling = True
            walks += sampler.walks
        stages = _summed(stages, runner.stage_counts())
    return {
        "sampling": sampling,
        "until": now_ms() + int(ASKED_S * 1000) if sampling else 0,
        "stages": stages,
        "walks": _last(walks, records),
        "not_sampled": missing,
    }


def _merged(parts: Sequence[Samples], records: int) -> Samples:
    stages = list[StageCount]()
    for part in parts:
        stages = _summed(stages, part["stages"])
    return {
        "sampling": any(part["sampling"] for part in parts),
        "until": max(part["until"] for part in parts),
        "stages": stages,
        "walks": _last([walk for part in parts for walk in part["walks"]], records),
        "not_sampled": [one for part in parts for one in part["not_sampled"]],
    }


def _summed(these: list[StageCount], those: list[StageCount]) -> list[StageCount]:
    """Return the counts of two tasks together; of tasks of another config, as while it changes, those of the first."""
    if not these or not those:
        return these or those
    if [(a["stage"], a["alias"]) for a in these] != [(b["stage"], b["alias"]) for b in those]:
        return these
    return [
        {
            **a,
            "seen": a["seen"] + b["seen"],
            "dropped": a["dropped"] + b["dropped"],
            "failed": a["failed"] + b["failed"],
        }
        for a, b in zip(these, those, strict=True)
    ]


def _last(walks: list[SampledWalk], records: int) -> list[SampledWalk]:
    """Return the last ones that fit into an answer, in the order of their times."""
    chosen, left = list[SampledWalk](), _BYTES_MAX
    for walk in sorted(walks, key=lambda walk: (walk["at"], walk["index"]))[-records:][::-1]:
        left -= len(encode(walk))
        if left < 0 and chosen:
            break
        chosen.append(walk)
    return chosen[::-1]
