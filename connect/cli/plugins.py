"""`connect plugin`: what is installed, what each plugin takes, and what authors need to make one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from connect.api import ConfigError, EnvironmentFault
from connect.cli.authoring import KINDS, LICENCES
from connect.cli.output import UsageError, as_json_option, print_json, print_table
from connect.cli.rest import RestClient, rest_command
from connect.cli.texts import read_text
from connect.runtime.config_texts.parsing import parse_json, text_of
from connect.runtime.model import PluginKind

if TYPE_CHECKING:
    from connect.runtime.plugins import PluginHost

plugin_path = click.option(
    "--plugin-path",
    multiple=True,
    type=click.Path(path_type=Path),
    envvar="CONNECT_PLUGIN_PATH",
    help="Folder with plugins that are not installed.",
)


#: How long a plugin that is checked may take to import.
_IMPORT_S: Final = 30.0


@click.group()
def plugin() -> None:
    """Show, make, test and check plugins: connectors, converters, transforms."""


@plugin.command("list")
@plugin_path
@as_json_option
def list_plugins(plugin_path: tuple[Path, ...], as_json: bool) -> None:
    """List every plugin class, and the plugins that could not be loaded."""
    host = plugin_host(plugin_path)
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

    desc = plugin_host(plugin_path).any(name)
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


# -- for authors -----------------------------------------------------------------------------------------------------


@plugin.command()
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.argument("name", required=False)
@click.option("--licence", "--license", type=click.Choice(LICENCES), help="Its text is written too; Apache-2.0.")
@click.option("--author", help="Who has the copyright, for the licence and the metadata.")
@click.option("--classes", is_flag=True, help="As classes, which can say all there is; else as one function.")
@click.option("--into", type=click.Path(path_type=Path), help="The folder to write, not there yet; connect-NAME.")
@as_json_option
def new(
    kind: str | None,
    name: str | None,
    licence: str | None,
    author: str | None,
    classes: bool,
    into: Path | None,
    as_json: bool,
) -> None:
    """Write the distribution of a new plugin: one working example with its tests.

    KIND is source, sink, transform or converter; NAME such as weather or sea-ice. What is left out is asked for, where
    there is a terminal.
    """
    from connect.cli.authoring.names import names_of
    from connect.cli.authoring.project import write
    from connect.cli.authoring.templates import Wanted, files_of

    asks = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
    kind = kind or _asked(asks, "KIND", "What is it to be", KINDS[0], KINDS)
    name = name or _asked(asks, "NAME", "What is it called")
    names = names_of(name)
    others = f"The authors of {names.distribution}"
    licence = licence or (_asked(asks, "", "Licence", LICENCES[0], LICENCES) if asks else LICENCES[0])
    author = author or (_asked(asks, "", "Author", others) if asks else others)
    if not author.isprintable():
        raise UsageError("--author has a line end or another sign that cannot be printed")
    target = into or Path(names.distribution)
    files = files_of(Wanted(kind, names, licence, author, classes, date.today().year))
    write(target, files)
    if as_json:
        print_json({"folder": str(target), "files": sorted(files), "distribution": names.distribution})
        return
    click.echo(f"wrote {target}, {len(files)} files: the {kind} is in {target}/src/{names.package}/__init__.py")
    click.echo(f"next: cd {target} && pip install -e '.[test]' && connect plugin test")


def _asked(asks: bool, what: str, question: str, default: str | None = None, among: Sequence[str] = ()) -> str:
    """Ask at the terminal.

    Raises:
        UsageError: There is none.
    """
    if not asks:
        raise UsageError(f"{what} is missing: {', '.join(among) or 'a name such as weather'}")
    answer: str = click.prompt(question, default=default, type=click.Choice(among) if among else None, err=True)
    return answer


class BehindDashes(click.Command):
    """Takes what stands behind `--` for its last argument alone: the others keep their defaults."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = args[: args.index("--")] if "--" in args else args
        behind = args[len(own) + 1 :]
        rest = super().parse_args(ctx, own)
        last = next(p for p in reversed(self.params) if isinstance(p, click.Argument))
        ctx.params[str(last.name)] += tuple(behind)
        return rest


@plugin.command(cls=BehindDashes)
@click.argument("target", default=".")
@click.argument("pytest_arguments", nargs=-1)
@click.option("--config", "keys", type=click.Path(path_type=Path), help="Keys for a certificate: a JSON file.")
@plugin_path
def test(target: str, pytest_arguments: tuple[str, ...], keys: Path | None, plugin_path: tuple[Path, ...]) -> int:
    """Run the tests of a plugin's folder, or the certificate of one class.

    TARGET is a folder (this one), or the name of a class that is installed or lies in --plugin-path. What stands behind
    -- is for pytest. Exit code 1 where a test fails.
    """
    from connect.cli.authoring.testing import NO_TESTS, NOT_TESTABLE, run_certificate, run_tests

    if Path(target).is_dir():
        code = run_tests(Path(target), pytest_arguments)
        if code == NO_TESTS:
            raise ConfigError(
                f"{target} has no tests",
                code=NOT_TESTABLE,
                hint="Write one, or name a class for its certificate: connect plugin test NAME --config FILE.",
            )
    else:
        config = {} if keys is None else _keys_of(keys)
        code = run_certificate(plugin_host(plugin_path).any(target), config, plugin_path, pytest_arguments)
    return 0 if code == 0 else 1


def _keys_of(file: Path) -> dict[str, str]:
    """Return the keys of a plugin from a file, which may be a connector's whole."""
    found = parse_json(read_text(file), str(file))
    found = found.get("config", found) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise ConfigError(f"{file} is no JSON object of keys", code="config.unreadable")
    return {key: text_of(file, key, value) for key, value in found.items() if key not in ("name", "connector.class")}


@plugin.command()
@click.argument("target", default=".")
@click.option("--strict", is_flag=True, help="Fail for warnings, too.")
@as_json_option
def check(target: str, strict: bool, as_json: bool) -> int:
    """Say what is to be mended before a plugin is published.

    TARGET is a folder with a pyproject.toml (this one), or the name of an installed distribution or entry point. Looked
    at are entry points, names, docs, types, version, secrets and how long the import takes. Exit code 1 for an error.
    """
    from connect.cli.authoring import checks
    from connect.runtime.validation.findings import is_to_be_mended

    with redirect_stdout(sys.stderr):  # what a plugin prints as it is imported is none of our output
        looked = checks.target_of(target)
        findings = checks.check(looked, timeout_s=_IMPORT_S)
    if as_json:
        rows = [{"check": f.check, "level": f.level.value, "message": f.message} for f in findings]
        print_json({"plugin": looked.title, "version": looked.version, "findings": rows})
    else:
        print_table(["check", "level", "finding"], [(f.check, f.level.value, f.message) for f in findings])
    return 1 if is_to_be_mended(findings, strict=strict) else 0


@plugin.command()
@click.argument("name")
@plugin_path
@click.option("--output", type=click.Path(path_type=Path), help="A file to write; else it is printed.")
def docs(name: str, plugin_path: tuple[Path, ...], output: Path | None) -> None:
    """Print a reference page, made of a plugin's declarations, in Markdown.

    NAME is a class, or the plugin: its entry point, distribution, or its file's name in --plugin-path.
    """
    from connect.cli.authoring.pages import page_of
    from connect.cli.authoring.project import NOT_WRITTEN

    host = plugin_host(plugin_path)
    found = host.find(name, *PluginKind)
    descs = [found] if found is not None else host.of_plugin(name)
    text = page_of(name, descs or [host.any(name)])
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EnvironmentFault(f"cannot write {output}: {error}", code=NOT_WRITTEN) from error


def plugin_host(folders: tuple[Path, ...]) -> PluginHost:
    """Return the plugins that are installed, and those in folders. Imports them: blocks."""
    from connect.runtime.plugins import PluginHost

    with redirect_stdout(sys.stderr):  # what a plugin prints as it is imported is none of our output
        return PluginHost.discover(folders, tells=False)  # what is broken is told once, below the list
