"""Commands of `connect connector` that change what runs: delete, pause, resume, stop, restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from connect.api import ConflictError, ConnectError, EnvironmentFault
from connect.cli.output import confirm, error_body, print_error, print_json, yes_option
from connect.cli.rest import RestClient, rest_command
from connect.cli.states import SETTLED, UNDER_WAY, verdict, wait_for

names_argument = click.argument("connectors", metavar="NAME...", nargs=-1, required=True)


def wait_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --wait and --timeout."""
    for option in (
        click.option(
            "--timeout",
            "timeout_s",
            type=click.FloatRange(min=0),
            default=60.0,
            show_default=True,
            help="Seconds to wait with --wait; then the exit code is 4.",
        ),
        click.option("--wait", is_flag=True, help="Wait until it has got there, or something FAILED: exit code 1."),
    ):
        command = option(command)
    return command


def for_each(
    names: Sequence[str],
    do: Callable[[str], str | None],
    *,
    as_json: bool,
    exit_codes: dict[str, int] | None = None,
    answers: dict[str, Any] | None = None,
) -> int:
    """Do something for each name, say what was done, go on after a failure, and sum up; return the exit code.

    Args:
        do: Does it, and returns the word for what was done; None where it has said so itself.
        exit_codes: Of names for which it was done, where that is not 0.
        answers: What programs get for a name for which it was done, in place of the word.

    Raises:
        ConnectError: For the only name; or what would befall every other one too.
    """
    told: list[dict[str, Any]] = []
    failed: list[ConnectError] = []
    for name in names:
        try:
            done = do(name)
            told.append({"name": name, "done": done} if answers is None else answers[name])
            if done is not None and not as_json:
                click.echo(f"{done} {name}")
        except ConnectError as error:
            if len(names) == 1 or isinstance(error, EnvironmentFault) or error.code.startswith("auth."):
                raise
            failed.append(error)
            told.append({"name": name, "error": error_body(error)})
            if not as_json:
                print_error(error, as_json=False)
    if as_json:
        print_json(told[0] if len(told) == 1 else told)
    elif failed:
        were = "was" if len(failed) == 1 else "were"
        click.echo(f"{len(names) - len(failed)} of {len(names)} were done, {len(failed)} {were} not", err=True)
    codes = [*(error.exit_code for error in failed), *(exit_codes or {}).values()]
    # A failure says more than what is only under way, whichever came first.
    return next((code for code in codes if code not in (SETTLED, UNDER_WAY)), max(codes, default=SETTLED))


def waited(rest: RestClient, name: str, wanted: str, timeout_s: float) -> int:
    """Wait for a connector's state, say what it came to where that is a failure, and return the exit code."""
    status = wait_for(lambda: rest.named("GET", name, "/status"), wanted=wanted, timeout_s=timeout_s)
    if (code := verdict(status, wanted)) != SETTLED:
        click.echo(f"{name} has FAILED; see 'connect connector status {name}'", err=True)
    return code


def _target_state(name: str, suffix: str, done: str, wanted: str, summary: str) -> click.Command:
    @click.command(name, help=summary)
    @names_argument
    @wait_options
    @rest_command
    def command(rest: RestClient, connectors: Sequence[str], wait: bool, timeout_s: float, as_json: bool) -> int:
        codes: dict[str, int] = {}

        def change(one: str) -> str:
            rest.named("PUT", one, suffix)
            if wait:
                codes[one] = waited(rest, one, wanted, timeout_s)
            elif wanted != "STOPPED" and "FAILED" in _states(rest.named("GET", one, "/status")):
                click.echo(
                    f"what has FAILED of {one} stays so until it is restarted: "
                    f"'connect connector restart {one} --only-failed'",
                    err=True,
                )
            return done

        return for_each(connectors, change, as_json=as_json, exit_codes=codes)

    return command


def _states(status: dict[str, Any]) -> set[str]:
    return {status["connector"]["state"], *(task["state"] for task in status["tasks"])}


pause = _target_state("pause", "/pause", "paused", "PAUSED", "Let connectors and their tasks stand still.")
resume = _target_state("resume", "/resume", "resumed", "RUNNING", "Let paused or stopped connectors run.")
stop = _target_state(
    "stop", "/stop", "stopped", "STOPPED", "Stop connectors; their tasks are gone until they are resumed."
)


@click.command()
@names_argument
@yes_option
@rest_command
def delete(rest: RestClient, connectors: Sequence[str], yes: bool, as_json: bool) -> int:
    """Delete connectors; their offsets stay. Asks on a terminal."""
    confirm(f"Delete {', '.join(connectors)}?", yes=yes, must=False)

    def remove(one: str) -> str:
        rest.named("DELETE", one)
        return "deleted"

    return for_each(connectors, remove, as_json=as_json)


@click.command()
@names_argument
@click.option("--only-failed", is_flag=True, help="Only what has failed.")
@click.option("--connector-only", is_flag=True, help="The connector's instance, and none of its tasks.")
@click.option("--task", "numbers", type=int, multiple=True, help="This task alone. May be given several times.")
@wait_options
@rest_command
def restart(
    rest: RestClient,
    connectors: Sequence[str],
    only_failed: bool,
    connector_only: bool,
    numbers: Sequence[int],
    wait: bool,
    timeout_s: float,
    as_json: bool,
) -> int:
    """Restart connectors with all of their tasks, or some of these. One that is STOPPED has to be resumed instead."""
    if numbers and (only_failed or connector_only or len(connectors) > 1):
        raise click.UsageError("--task goes with one NAME, and without --only-failed and --connector-only")
    codes: dict[str, int] = {}

    def again(one: str) -> str:
        before = rest.named("GET", one, "/status")
        if before["connector"]["state"] == "STOPPED":
            # Kafka Connect answers 'done' and does nothing.
            hint = f"Resume it with 'connect connector resume {one}'."
            raise ConflictError(f"connector {one!r} is STOPPED, so there is nothing to restart", hint=hint)
        if only_failed and not _has_failed(before, connector_only):
            return "nothing has FAILED of"
        for number in numbers:
            rest.named("POST", one, f"/tasks/{number}/restart")
        if not numbers:
            rest.named("POST", one, "/restart", params=_flags(only_failed, connector_only))
        if wait:
            wanted = "PAUSED" if before["connector"]["state"] == "PAUSED" else "RUNNING"
            codes[one] = waited(rest, one, wanted, timeout_s)
        return "restarting"

    return for_each(connectors, again, as_json=as_json, exit_codes=codes)


def _has_failed(status: dict[str, Any], connector_only: bool) -> bool:
    return "FAILED" in ({status["connector"]["state"]} if connector_only else _states(status))


def _flags(only_failed: bool, connector_only: bool) -> dict[str, str]:
    flags: dict[str, Any] = {"onlyFailed": only_failed, "includeTasks": not connector_only}
    return {name: "true" for name, given in flags.items() if given}


commands = (delete, pause, resume, stop, restart)
