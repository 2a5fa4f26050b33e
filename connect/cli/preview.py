"""`connect preview`: what a connector would do with real records, step by step, and nothing of it stays.

Without an address it is run in this process, with no worker; records of a sink's topics are then read from the log of
--data-dir. Where a worker owns that directory, or one is named, it is asked.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click

from connect.cli.log_access import DEFAULT_DATA_DIR, expect_log
from connect.cli.output import as_json_option, print_json, visible
from connect.cli.rest import DEFAULT_URL, RestClient, owner_url, target_of

if TYPE_CHECKING:
    from connect.cli.settings import ConnectorFile
    from connect.cli.wiring import Wiring

_COLOURS: Final = {"added": "green", "removed": "red", "changed": "yellow"}
_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}
#: A value takes so much of a line.
_VALUE_CHARS_MAX: Final = 2000


@click.command()
@click.argument("file", metavar="CONFIG", type=click.Path(path_type=Path))
@click.option("--records", type=click.IntRange(1, 200), default=20, show_default=True, help="How many records.")
@click.option(
    "--from",
    "start",
    type=click.Choice(["earliest", "latest", "committed"]),
    help="Where to begin: of a sink's topics, or where the connector of this name is.",
)
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0.1, 60), default=10.0, show_default=True, help="In seconds."
)
@click.option("--allow-effects", is_flag=True, help="Run a source that does not say that nothing of it stays.")
@click.option("--rest", metavar="URL", is_flag=False, flag_value=DEFAULT_URL, help="Ask the worker at this address.")
@click.option("--url", help="The same.")
@click.option("--context", help="Ask the worker that 'connect context set' named so.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Read a sink's topics from the log of this directory; a running worker that owns it is asked instead.",
)
@click.option(
    "--config",
    "worker_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Without a worker: the config of one, for converters, plugin.path, bootstrap.servers, ...",
)
@as_json_option
@click.pass_obj
def preview(
    session: object,
    file: Path,
    records: int,
    start: str | None,
    timeout_s: float,
    allow_effects: bool,
    rest: str | None,
    url: str | None,
    context: str | None,
    data_dir: Path | None,
    worker_file: Path | None,
    as_json: bool,
) -> int:
    """Show what a connector would do with real records, step by step; nothing of it stays.

    Records are shown in front of and behind each converter and transform, and of a sink what would be written.

    Nothing is created, stored, committed or delivered. --json prints what POST /v1/preview answers.

    Exit code 0 where each record came through, 1 where one failed or the preview ended early, 2 for a wrong config.
    """
    from connect.cli.settings import connector_file

    given = connector_file(file)
    order = {
        "config": given.config,
        "records": records,
        "timeout_ms": round(timeout_s * 1000),
        "from": start,
        "name": given.name,
        "allow_effects": allow_effects,
    }
    wiring: Wiring = session.wiring  # type: ignore[attr-defined]
    directory = data_dir or Path(os.environ.get("CONNECT_DATA_DIR") or DEFAULT_DATA_DIR)
    owner = owner_url(directory) if worker_file is None and wiring.is_in_use(directory) else None
    if rest or url or context:
        answer = _asked(target_of(rest or url, context, None), order)
    elif owner is not None:
        answer = _asked(owner, order)
    else:
        with redirect_stdout(sys.stderr):  # what a plugin prints is none of our output
            answer = asyncio.run(_alone(wiring, given, order, data_dir, directory, worker_file))
    if as_json:
        print_json(answer)
    else:
        for line in lines_of(answer):
            click.echo(line)
    return _exit_code(answer)


def _asked(target: Any, order: Mapping[str, Any]) -> dict[str, Any]:
    with RestClient(target) as worker:
        answer: dict[str, Any] = worker.call("POST", "/v1/preview", order)
        return answer


async def _alone(
    wiring: Wiring,
    given: ConnectorFile,
    order: Mapping[str, Any],
    data_dir: Path | None,
    directory: Path,
    worker_file: Path | None,
) -> dict[str, Any]:
    from connect.cli.settings import worker_config
    from connect.runtime.preview.alone import previews_alone
    from connect.runtime.preview.answers import Order, Start

    async with AsyncExitStack() as stack:
        config = worker_config(worker_file, {"data.dir": str(directory)})
        is_kafka, cluster = bool(config.bootstrap_servers), None
        is_there = is_kafka or data_dir is not None or (directory / "meta.properties").exists()
        if is_there and not {"topics", "topics.regex"}.isdisjoint(given.config):  # a source needs no log
            if is_kafka:
                directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="connect-preview-")))
            else:
                expect_log(directory)
            cluster = await wiring.open_cluster(directory, config.originals)
            stack.push_async_callback(cluster.aclose)
        previews = await stack.enter_async_context(previews_alone(config, cluster))
        found = await previews.preview(
            Order(
                given.config,
                order["records"],
                order["timeout_ms"],
                cast("Start | None", order["from"]),
                given.name,
                allow_effects=order["allow_effects"],
            )
        )
        return cast(dict[str, Any], found)


def _exit_code(answer: Mapping[str, Any]) -> int:
    if answer["problems"]:
        return 2
    failed = any(step["error"] for walk in answer["walks"] for step in walk["steps"])
    failed = failed or any(item["error"] for item in (answer["target"] or {"items": []})["items"])
    return 1 if answer["error"] or failed or answer["ended_by"] == "time" else 0


# -- showing -------------------------------------------------------------------------------------------------------


def lines_of(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield a preview for people; what differs is marked and, on a terminal, coloured."""
    for problem in answer["problems"]:
        yield visible(f"error: {problem['name']}: {problem['message']}")
    for walk in answer["walks"]:
        yield from _walk(walk)
    if (target := answer["target"]) is not None:
        yield from _target(target)
    if (error := answer["error"]) is not None:
        yield from _error(error, "")
    count = len(answer["walks"])
    told = f"{count} record{'' if count == 1 else 's'} in {answer['took_ms']} ms"
    yield told + {"time": "; the time is up", "size": "; there is more than is shown", "end": ""}.get(
        answer["ended_by"], ""
    )


def _walk(walk: Mapping[str, Any]) -> Iterator[str]:
    at = f"-{walk['partition']}" if walk["partition"] is not None else ""
    at += f" @ {walk['offset']}" if walk["offset"] is not None else ""
    yield _styled(f"record {walk['index'] + 1}: {visible(walk['topic'])}{at}", bold=True)
    before: Sequence[Mapping[str, Any]] = ()
    for step in walk["steps"]:
        yield from _step(step, before)
        before = step["records"]


def _step(step: Mapping[str, Any], before: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a step: of a transform what it changed, of others the records.

    Args:
        before: The records that it was given.
    """
    name = step["stage"] if step["alias"] is None else f"{step['stage']} {step['alias']}"
    told = f"  {visible(name)}"
    if step["plugin"]:
        told += f" ({visible(step['plugin'].rpartition('.')[2])})"
    if step["applied"] is False:
        yield f"{told}: not applied, as {visible(str(step['predicate']).rpartition('.')[2])} says"
        return
    yield _styled(f"{told}: dropped", fg="red") if step["dropped"] else told
    if step["error"] is not None:
        yield from _error(step["error"], "    ")
    for change in step["changed"]:
        yield _change(change, before, step["records"])
    if step["stage"] == "transform":
        if not step["changed"] and not step["dropped"] and step["error"] is None:
            yield "    nothing changed"
        return
    for record in step["records"]:
        for part in ("key", "value"):
            if record[part] is not None or part == "value":
                yield f"    {part}: {_text(record[part])}"
        for header in record["headers"]:
            yield f"    header {visible(header['name'])}: {_text(header['value'])}"


def _change(change: Mapping[str, str], before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> str:
    kind, path = change["kind"], change["path"]
    olds, news = (", ".join(_texts(records, path)) for records in (before, after))
    told = {"added": news, "removed": olds, "changed": f"{olds} -> {news}" if olds and news else news}[kind]
    line = f"    {_SIGNS[kind]} {visible(path)}"
    return _styled(f"{line}: {told}" if told else line, fg=_COLOURS[kind])


def _texts(records: Sequence[Mapping[str, Any]], path: str) -> Iterator[str]:
    return (_text(value) for there, value in (_at(record, path) for record in records) if there)


def _target(target: Mapping[str, Any]) -> Iterator[str]:
    if target["items"]:
        yield _styled(f"would be written ({target['kind']}):", bold=True)
    for item in target["items"]:
        numbers = [str(index + 1) for index in item["records"]]
        of = f" [record{'s' * (len(numbers) > 1)} {_ranges(numbers)}]" if numbers else ""
        yield f"  {visible(item['text'])}{of}"
        for row in item["parameters"] or ():
            yield f"    {_text(row)}"
        if item["error"] is not None:
            yield from _error(item["error"], "    ")
    if target["note"]:
        yield f"note: {visible(target['note'])}"


def _ranges(numbers: Sequence[str]) -> str:
    return ", ".join(numbers) if len(numbers) < 4 else f"{numbers[0]} to {numbers[-1]}, {len(numbers)} of them"


def _error(error: Mapping[str, str], indent: str) -> Iterator[str]:
    yield _styled(f"{indent}error: {visible(error['message'])} [{error['code']}]", fg="red")
    if error["hint"]:
        yield f"{indent}hint: {visible(error['hint'])}"


def _text(value: Any) -> str:
    text = visible(json.dumps(value, ensure_ascii=False)).replace("\n", "\\n")
    return text if len(text) <= _VALUE_CHARS_MAX else f"{text[:_VALUE_CHARS_MAX]}…"


def _at(record: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    """Return what a record has at the path of a change, as far as it is shown."""
    at: Any = record
    parts = [part for part in path.replace("]", "").replace("[", ".[").split(".") if part]
    if parts[0] == "headers":
        name = path.partition(".")[2]
        values = [header["value"] for header in record["headers"] if header["name"] == name]
        return bool(values), values[-1] if values else None
    for part in parts:
        if part.startswith("[") and isinstance(at, list) and int(part[1:]) < len(at):
            at = at[int(part[1:])]
        elif isinstance(at, dict) and part in at:
            at = at[part]
        else:
            return False, None
    return True, at


def _styled(text: str, **style: Any) -> str:
    # click leaves the colours out where the output is no terminal.
    return click.style(text, **style)
