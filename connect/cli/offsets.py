"""Commands of `connect connector` about what a worker remembers, offsets, topics, levels of loggers; and signals."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import orjson

from connect.api import NotFoundError
from connect.cli.output import confirm, print_json, print_table, yes_option
from connect.cli.rest import RestClient, rest_command
from connect.cli.texts import read_text
from connect.runtime.config_texts.parsing import parse_json

_SINK_OFFSET = re.compile(r"(?P<topic>.+):(?P<partition>[0-9]{1,10})=(?P<offset>[0-9]{1,19}|null)")


@click.group()
def offsets() -> None:
    """Show, alter or reset where a connector goes on from."""


@offsets.command()
@click.argument("name")
@rest_command
def get(rest: RestClient, name: str, as_json: bool) -> None:
    """Show a connector's committed offsets."""
    found = rest.named("GET", name, "/offsets")
    if as_json:
        print_json(found)
        return
    print_table(["partition", "offset"], [(_text(o["partition"]), _text(o["offset"])) for o in found["offsets"]])


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


@offsets.command()
@click.argument("name")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="TOPIC:PARTITION=OFFSET",
    help="Of a sink: go on from this offset; null forgets it. May be given several times.",
)
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path),
    help='JSON as \'get --json\' prints it: {"offsets": [{"partition", "offset"}]}.',
)
@rest_command
def alter(rest: RestClient, name: str, changes: Sequence[str], file: Path | None, as_json: bool) -> None:
    """Change a stopped connector's offsets; partitions that are not named keep theirs."""
    if bool(changes) == (file is not None):
        raise click.UsageError("one of --set and --file is expected")
    body: Any
    if file is not None:
        body = parse_json(read_text(file), str(file))
    else:
        body = {"offsets": [_sink_offset(change) for change in changes]}
    _say(rest.named("PATCH", name, "/offsets", body), as_json=as_json)


def _sink_offset(change: str) -> dict[str, Any]:
    match = _SINK_OFFSET.fullmatch(change)
    if match is None:
        raise click.UsageError(f"--set {change}: TOPIC:PARTITION=OFFSET is expected, such as orders:0=42")
    offset = None if match["offset"] == "null" else {"kafka_offset": int(match["offset"])}
    return {"partition": {"kafka_topic": match["topic"], "kafka_partition": int(match["partition"])}, "offset": offset}


@offsets.command()
@click.argument("name")
@yes_option
@rest_command
def reset(rest: RestClient, name: str, yes: bool, as_json: bool) -> None:
    """Forget a stopped connector's offsets: it begins anew."""
    confirm(f"Forget all offsets of {name}?", yes=yes)
    _say(rest.named("DELETE", name, "/offsets"), as_json=as_json)


def _say(answer: Any, *, as_json: bool) -> None:
    print_json(answer) if as_json else click.echo(answer["message"])


@click.command()
@click.argument("name")
@click.option("--reset", is_flag=True, help="Forget them; each comes back with its next record.")
@rest_command
def topics(rest: RestClient, name: str, reset: bool, as_json: bool) -> None:
    """Show the topics that a connector has used."""
    if reset:
        rest.named("PUT", name, "/topics/reset")
        print_json({"name": name, "done": "reset"}) if as_json else click.echo(f"reset {name}")
        return
    found = rest.named("GET", name, "/topics")[name]["topics"]
    if as_json:
        print_json(found)
        return
    for topic in sorted(found):
        click.echo(topic)


@click.group()
def loggers() -> None:
    """Show and set the levels of the worker's loggers."""


@loggers.command("list")
@rest_command
def list_loggers(rest: RestClient, as_json: bool) -> None:
    """List the loggers with their levels."""
    found = rest.call("GET", "/admin/loggers")
    if as_json:
        print_json(found)
        return
    print_table(["logger", "level"], [(name, entry["level"]) for name, entry in sorted(found.items())])


@loggers.command()
@click.argument("logger")
@click.argument("level", required=False)
@click.option("--cluster", is_flag=True, help="On every worker of the cluster.")
@rest_command
def level(rest: RestClient, logger: str, level: str | None, cluster: bool, as_json: bool) -> None:
    """Show a logger's level, or set it with those below it."""
    path = f"/admin/loggers/{quote(logger, safe='')}"
    if level is not None:
        changed = rest.call("PUT", path, {"level": level.upper()}, params={"scope": "cluster"} if cluster else None)
        if as_json:
            print_json({"logger": logger, "level": level.upper(), "changed": changed})
        else:
            click.echo(f"{logger}: {level.upper()}" + (f" ({len(changed)} loggers changed)" if changed else ""))
        return
    try:
        found = rest.call("GET", path)
    except NotFoundError as error:
        near = difflib.get_close_matches(logger, rest.call("GET", "/admin/loggers"), n=1)
        raise NotFoundError(error.message, hint=f"Did you mean {near[0]!r}?" if near else None) from None
    print_json(found) if as_json else click.echo(f"{logger}: {found['level']}")


@click.command()
@click.argument("name")
@click.argument("type_", metavar="TYPE")
@click.option("--data", metavar="JSON", help="What the signal's type needs: a JSON object.")
@click.option("--id", "signal_id", help="Names the signal where its effect can be seen; otherwise it is given one.")
@rest_command
def signal(rest: RestClient, name: str, type_: str, data: str | None, signal_id: str | None, as_json: bool) -> None:
    """Have a source connector do something while it runs; its page lists the signals that it takes."""
    body: dict[str, Any] = {"type": type_}
    if data is not None:
        body["data"] = parse_json(data, "--data")
    if signal_id is not None:
        body["id"] = signal_id
    sent = rest.named("POST", name, "/signals", body, root="/v1/connectors")
    print_json(sent) if as_json else click.echo(f"sent {sent['type']} as {sent['id']}")


commands = (offsets, topics, loggers, signal)
