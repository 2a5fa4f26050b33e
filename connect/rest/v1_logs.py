"""Under /v1: the last log lines of a connector."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request

from connect.rest.answers import Answer
from connect.rest.connectors import herder_of, host_of
from connect.rest.models.logs import LogLine, Logs
from connect.rest.negotiation import name_of
from connect.rest.progress import ask_for_parts
from connect.rest.routes import Route
from connect.runtime.base import Base
from connect.runtime.live.lines import LINES_MAX
from connect.runtime.loggers import level_number, level_word

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)

#: An answer has at most about so many characters of lines.
_CHARS_MAX: Final = 4 << 20
_Lines = Annotated[int, Query(ge=1, le=LINES_MAX, description="How many lines, the last ones.")]
_Level = Annotated[
    str | None, Query(description="TRACE, DEBUG, INFO, WARN, ERROR, FATAL: less urgent lines are left out.")
]


@router.get("/connectors/{name}/logs")
async def logs(request: Request, name: str, lines: _Lines = LINES_MAX, level: _Level = None) -> Answer[Logs]:
    """Show the last lines that were logged of a connector and its tasks on all workers, the oldest first; which lines
    there are says the level of the loggers."""
    herder, name = herder_of(request), name_of(name)
    herder.info(name)
    own = _own(herder.base, name, lines, level)
    what = f"logs?lines={lines}" + ("" if level is None else f"&level={quote(level, safe='')}")
    parts: list[Logs] = [own, *await ask_for_parts(request, name, what, lambda told: told)]
    together = sorted((line for part in parts for line in part["lines"]), key=lambda line: line["at"])
    return Answer({"lines": _bounded(together[-lines:]), "dropped": sum(part["dropped"] for part in parts)})


@router.get("/worker/connectors/{name}/logs")
async def own_logs(request: Request, name: str, lines: _Lines = LINES_MAX, level: _Level = None) -> Answer[Logs]:
    """Show the part of a connector's lines that this worker has."""
    return Answer(_own(host_of(request).base, name_of(name), lines, level))


def _own(base: Base, name: str, most: int, level: str | None) -> Logs:
    kept, dropped = base.lines.of(name, most=most, level=0 if level is None else level_number(level))
    lines: list[LogLine] = [
        {
            "at": line.at_ms,
            "level": level_word(line.level),
            "logger": line.logger,
            "task": line.task,
            "text": line.text,
            "trace": line.trace,
        }
        for line in kept
    ]
    return {"lines": _bounded(lines), "dropped": dropped}


def _bounded(lines: list[LogLine]) -> list[LogLine]:
    """Return the last lines that fit into an answer."""
    left, first = _CHARS_MAX, len(lines)
    while first and left > 0:
        first -= 1
        left -= len(lines[first]["text"]) + len(lines[first]["trace"] or "") + 200
    return lines[first:]
