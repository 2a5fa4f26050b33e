"""`connect connector contract`: what a connector's schema contract holds, and what is known of its topics."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from connect.api import NotFoundError
from connect.cli.output import confirm, print_json, print_table, yes_option
from connect.cli.rest import RestClient, rest_command
from connect.cli.texts import read_text
from connect.runtime.config_texts.parsing import parse_json


@click.group()
def contract() -> None:
    """Show, give or forget what a connector's records are held against."""


@contract.command()
@click.argument("name")
@click.argument("topic", required=False)
@rest_command
def show(rest: RestClient, name: str, topic: str | None, as_json: bool) -> None:
    """Show what is held, and what is known of each topic; with TOPIC its schema, as 'set' takes it."""
    found = rest.named("GET", name, "/contract", root="/v1/connectors")
    if topic is not None:
        known = {one["topic"]: one["schema"] for one in found["topics"]}
        if topic not in known:
            raise NotFoundError(
                f"nothing is known of topic {topic!r} of connector {name!r}",
                hint=f"Name one of {', '.join(sorted(known))}."
                if known
                else "Its first record teaches, or 'set' does.",
            )
        print_json(known[topic])
        return
    if as_json:
        print_json(found)
        return
    print_table(["key", "value"], list(found["settings"].items()))
    click.echo()
    print_table(["topic", "version", "since", "by", "known"], [_row(one) for one in found["topics"]])


def _row(known: Any) -> tuple[Any, ...]:
    since = datetime.fromtimestamp(known["at"] / 1000, UTC).isoformat(timespec="seconds")
    return known["topic"], known["version"], since, known["by"], _fields(known["schema"])


def _fields(schema: Any) -> str:
    if schema["type"] != "struct":
        return str(schema["type"])
    return "; ".join(
        f"{field['field']} {field['type']}{'' if field['optional'] else ', required'}" for field in schema["fields"]
    )


@contract.command("set")
@click.argument("name")
@click.argument("topic")
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    help="The schema, as 'show NAME TOPIC' prints it; - for standard input.",
)
@rest_command
def set_schema(rest: RestClient, name: str, topic: str, file: Path, as_json: bool) -> None:
    """Hold a topic's records against this schema from now on."""
    body = {"schema": parse_json(read_text(file), str(file))}
    found = rest.named("PUT", name, f"/contract/{quote(topic, safe='')}", body, root="/v1/connectors")
    print_json(found) if as_json else click.echo(f"{topic}: version {found['version']}")


@contract.command()
@click.argument("name")
@click.argument("topic", required=False)
@yes_option
@rest_command
def reset(rest: RestClient, name: str, topic: str | None, yes: bool, as_json: bool) -> None:
    """Forget what is known of TOPIC, or of all: the next record teaches anew."""
    confirm(f"Forget what is known of {topic or 'all topics'} of {name}?", yes=yes)
    path = "/contract" if topic is None else f"/contract/{quote(topic, safe='')}"
    found = rest.named("DELETE", name, path, root="/v1/connectors")
    print_json(found) if as_json else click.echo(f"forgot {', '.join(found['forgotten']) or 'nothing'}")


commands = (contract,)
