"""`connect plugin`: what is installed, and what each plugin takes."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connect.cli.output import as_json_option, print_json, print_table
from connect.cli.rest import RestClient, rest_command

if TYPE_CHECKING:
    from connect.runtime.plugins import PluginHost

plugin_path = click.option(
    "--plugin-path",
    multiple=True,
    type=click.Path(path_type=Path),
    envvar="CONNECT_PLUGIN_PATH",
    help="Folder with plugins that are not installed.",
)


@click.group()
def plugin() -> None:
    """Show connectors, converters, transforms and predicates."""


@plugin.command("list")
@plugin_path
@as_json_option
def list_plugins(plugin_path: tuple[Path, ...], as_json: bool) -> None:
    """List every plugin class, and the plugins that could not be loaded."""
    host = _host(plugin_path)
    if as_json:
        print_json(
            {
                "plugins": [
                    {"class": d.name, "type": d.kind.value, "version": d.cls.version, "origin": d.origin}
                    for d in host.list()
                ],
                "broken": [{"name": b.name, "origin": b.origin, "cause": b.cause} for b in host.broken],
            }
        )
        return
    print_table(
        ["type", "class", "version", "origin"], [(d.kind.value, d.name, d.cls.version, d.origin) for d in host.list()]
    )
    for broken in host.broken:
        click.echo(f"broken: {broken.name} ({broken.origin}): {broken.cause}", err=True)


@plugin.command()
@click.argument("name")
@plugin_path
@as_json_option
def describe(name: str, plugin_path: tuple[Path, ...], as_json: bool) -> None:
    """Show a plugin's names, what a connector can promise about delivery, and config keys."""
    from connect.runtime.promises import offer_of

    desc = _host(plugin_path).any(name)
    offer = offer_of(desc)
    keys = desc.cls.config_class.keys().values()
    if as_json:
        print_json({
            "class": desc.name, "type": desc.kind.value, "version": desc.cls.version, "aliases": list(desc.cls.aliases),
            "delivery": None if offer is None else {
                "guarantees": list(offer.guarantees), "exactly_once": offer.exactly_once or None,
                "keys": dict(offer.keys),
            },
            "keys": [{"name": k.name, "type": k.type.value, "required": k.required, "default": k.default_text,
                      "importance": k.importance, "documentation": k.documentation, "valid_values": k.valid_values,
                      "recommended_values": list(k.recommended)} for k in keys],
        })  # fmt: skip
        return
    click.echo(f"{desc.name} ({desc.kind.value}, {desc.cls.version})")
    if desc.cls.aliases:
        click.echo(f"also: {', '.join(desc.cls.aliases)}")
    if desc.cls.__doc__:
        click.echo(f"\n{desc.cls.__doc__.strip().splitlines()[0]}\n")
    if offer is not None:
        click.echo(f"delivery: {', '.join(offer.guarantees)}")
        if offer.exactly_once:
            click.echo(f"  {offer.exactly_once}")
        for key, asks in offer.keys.items():
            click.echo(f"  {key}: {asks}")
        click.echo()
    print_table(
        ["key", "type", "default", "valid values", "importance", "documentation"],
        [
            (
                k.name,
                k.type.value,
                "required" if k.required else k.default_text,
                k.valid_values or ", ".join(k.recommended),
                k.importance.lower(),
                k.documentation,
            )
            for k in keys
        ],
    )


@plugin.command()
@rest_command
def refresh(rest: RestClient, as_json: bool) -> int:
    """Have a running worker take plugins that were installed, changed or removed since; of a group the one asked.

    Connectors that run keep the code that they have until they are restarted. Exit code 1 if a plugin is broken.
    """
    found = rest.call("POST", "/v1/plugins/refresh")
    if as_json:
        print_json(found)
    else:
        rows = [(what, name) for what in ("added", "changed", "removed") for name in found[what]]
        if rows:
            print_table(["plugin is", "name"], rows)
        else:
            click.echo("no plugin has changed")
        for name in found["outdated"]:
            click.echo(f"connector {name} runs code of before; restart it and its tasks to take the new one", err=True)
        for broken in found["broken"]:
            click.echo(f"broken: {broken['name']} ({broken['origin']}): {broken['cause']}", err=True)
    return 1 if found["broken"] else 0


def _host(folders: tuple[Path, ...]) -> PluginHost:
    from connect.runtime.plugins import PluginHost

    with redirect_stdout(sys.stderr):  # what a plugin prints as it is imported is none of our output
        return PluginHost.discover(folders, tells=False)  # what is broken is told once, below the list
