"""Under /v1: what someone should act on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request

from connect.rest.answers import Answer
from connect.rest.connectors import herder_of
from connect.rest.models.worker import Notice, Warnings
from connect.rest.progress import progress_of
from connect.rest.render import cause_text
from connect.rest.routes import Route
from connect.rest.server import LISTENERS, REGISTRY_LISTENERS, asks_nobody, exposure, parse_listener
from connect.rest.v1_lag import by_task
from connect.runtime.herder import Herder
from connect.runtime.model import RestartInfo, State, TaskProgress
from connect.runtime.providers.warnings import open_providers
from connect.runtime.secrets import redact

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)


@router.get("/warnings")
async def warnings(request: Request) -> Answer[Warnings]:
    """List what someone should act on.

    Failures, connectors and tasks that wait for something outside, skipped records, plugins that are broken, slow or
    left behind, listeners that others reach, config providers that open too much, keys of the worker's config that
    nothing reads; of the schema registry beside it a topic that is wrong or cannot be read.
    """
    herder, progress = herder_of(request), await progress_of(request)
    found = [
        *_failures(herder),
        *_held(herder),
        *_waiting(herder, progress),
        *_skipped(progress),
        *_broken(herder),
        *_listeners(herder),
        *await _registry(request),
        *_providers(herder),
        *_keys(herder),
    ]
    return Answer({"warnings": found})


def _notice(code: str, subject: str, message: str) -> Notice:
    return {"code": code, "subject": subject, "message": message}


def _failures(herder: Herder) -> list[Notice]:
    found = []
    for name in herder.connectors():
        status = herder.status(name)
        if status.connector.state is State.FAILED:
            told = cause_text(status.connector.trace) + _plan(herder.failed_by(name, None), status.connector.restart)
            found.append(_notice("connector.failed", name, told))
        for task in status.tasks:
            if task.state is State.FAILED:
                told = cause_text(task.trace) + _plan(herder.failed_by(name, task.id), task.restart)
                found.append(_notice("task.failed", f"{name}-{task.id}", told))
    return found


_KINDS: Final = {"outage": "an outage", "record": "a bad record", "config": "its config", "defect": "a defect"}


def _plan(kind: str | None, restart: RestartInfo | None) -> str:
    """Return what the failure is, and what will be done about it by itself."""
    what = _KINDS.get(kind or "")
    if what is None:
        return ""
    if restart is None:
        return f" ({what}; it is not restarted by itself)"
    if restart.at_ms is None:
        return f" ({what}; its {restart.attempts} restarts are used up)"
    at = datetime.fromtimestamp(restart.at_ms / 1000, UTC).isoformat(timespec="seconds")
    of = f" of {restart.max_attempts}" if restart.max_attempts >= 0 else ""
    return f" ({what}; restart {restart.attempts}{of} by itself at {at})"


def _waiting(herder: Herder, progress: Sequence[TaskProgress]) -> list[Notice]:
    found = [
        _notice("connector.waiting", name, f"waits: {redact(what)}") for name, what in sorted(herder.waiting().items())
    ]
    return found + [
        _notice("task.waiting", str(p.id), f"waits: {redact(p.waiting_for)}")
        for p in sorted(progress, key=by_task)
        if p.waiting_for and p.state in (State.RUNNING, State.UNASSIGNED)
    ]


def _skipped(progress: Sequence[TaskProgress]) -> list[Notice]:
    return [
        _notice(
            "records.skipped", str(p.id), f"{p.skipped} records were skipped since the task's start (errors.tolerance)"
        )
        for p in sorted(progress, key=by_task)
        if p.skipped
    ]


def _held(herder: Herder) -> list[Notice]:
    return [_notice(n.code, n.subject, redact(n.message)) for n in herder.notices()]


def _broken(herder: Herder) -> list[Notice]:
    return [_notice("plugin.broken", b.name, f"{b.origin}: {redact(b.cause)}") for b in herder.plugins.broken]


def _providers(herder: Herder) -> list[Notice]:
    if not any(asks_nobody(listener, herder.worker_config) for listener in herder.worker_config.addresses):
        return []
    return [_notice("provider.open", name, risk) for name, risk in open_providers(herder.providers)]


def _keys(herder: Herder) -> list[Notice]:
    return [_notice("worker.key", n.key, f"{n.key}: {n.message}") for n in herder.key_notices if n.act]


def _listeners(herder: Herder) -> list[Notice]:
    config, found = herder.worker_config, []
    told = [(LISTENERS, text) for text in config.addresses]
    told += [(REGISTRY_LISTENERS, text) for text in config.registry_addresses]
    for key, text in told:
        listener = parse_listener(text, key)
        try:
            risk = exposure(listener, listener.host, config, key=key)
        except ValueError:  # a name and no address: what it stands for was looked at when it was bound
            continue
        if risk is not None:
            found.append(_notice("listener.open", text, risk))
    return found


async def _registry(request: Request) -> list[Notice]:
    app = request.app.state.registry
    if app is None:
        return []
    overview, topic = app.state.registry.overview, herder_of(request).worker_config.registry_storage_topic
    found = []
    if (why := await overview.unfit()) is not None:
        found.append(_notice("registry.topic", topic, why))
    if (why := overview.trouble) is not None:
        told = f"the schema registry cannot read topic {topic!r} just now: {redact(why)}"
        found.append(_notice("registry.unreachable", topic, told))
    if count := overview.passed_over:
        told = (
            f"records of topic {topic!r} that are none of a schema registry's, and do not count: {count}; see the log"
        )
        found.append(_notice("registry.unreadable", topic, told))
    return found
