"""Commands of `connect connector` that change what runs: delete, pause, resume, stop, restart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from connect.cli.output import print_json
from connect.cli.rest import RestClient, rest_command


def _done(names: Sequence[str], done: str, *, as_json: bool) -> None:
    if as_json:
        answers = [{"name": name, "done": done} for name in names]
        print_json(answers[0] if len(answers) == 1 else answers)


def _steering(name: str, method: str, suffix: str, done: str, summary: str) -> click.Command:
    @click.command(name, help=summary)
    @click.argument("connectors", metavar="NAME...", nargs=-1, required=True)
    @rest_command
    def command(rest: RestClient, connectors: Sequence[str], as_json: bool) -> None:
        for one in connectors:
            rest.named(method, one, suffix)
            if not as_json:
                click.echo(f"{done} {one}")
        _done(connectors, done, as_json=as_json)

    return command


delete = _steering("delete", "DELETE", "", "deleted", "Delete connectors; their offsets stay.")
pause = _steering("pause", "PUT", "/pause", "paused", "Let connectors and their tasks stand still.")
resume = _steering("resume", "PUT", "/resume", "resumed", "Let paused or stopped connectors run.")
stop = _steering("stop", "PUT", "/stop", "stopped", "Stop connectors; their tasks are gone until they are resumed.")


@click.command()
@click.argument("connectors", metavar="NAME...", nargs=-1, required=True)
@click.option("--only-failed", is_flag=True, help="Only what has failed.")
@click.option("--connector-only", is_flag=True, help="The connector's instance, and none of its tasks.")
@click.option("--task", "numbers", type=int, multiple=True, help="This task alone. May be given several times.")
@rest_command
def restart(
    rest: RestClient,
    connectors: Sequence[str],
    only_failed: bool,
    connector_only: bool,
    numbers: Sequence[int],
    as_json: bool,
) -> None:
    """Restart connectors with all of their tasks, or some of these."""
    if numbers and (only_failed or connector_only or len(connectors) > 1):
        raise click.UsageError("--task goes with one NAME, and without --only-failed and --connector-only")
    for one in connectors:
        for number in numbers:
            rest.named("POST", one, f"/tasks/{number}/restart")
        if not numbers:
            rest.named("POST", one, "/restart", params=_flags(only_failed, connector_only))
        if not as_json:
            click.echo(f"restarting {one}")
    _done(connectors, "restarting", as_json=as_json)


def _flags(only_failed: bool, connector_only: bool) -> dict[str, str]:
    flags: dict[str, Any] = {"onlyFailed": only_failed, "includeTasks": not connector_only}
    return {name: "true" for name, given in flags.items() if given}


commands = (delete, pause, resume, stop, restart)
