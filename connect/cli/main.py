"""The command `connect`: its groups, and how every failure becomes a message and an exit code.

Exit codes: 0 fine, 1 runtime, 2 usage or config, 3 environment, 4 a connector is under way to its state, 130 and 143
for a forced end by SIGINT and SIGTERM.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

import connect
from connect.api import ConnectError
from connect.cli.output import UsageError, print_error, print_unexpected

if TYPE_CHECKING:
    from connect.cli.wiring import Wiring


@dataclass(frozen=True, slots=True)
class _Named:
    """Where a command is, and what the list of commands says about it."""

    module: str
    attribute: str
    summary: str


_COMMANDS: Final = {
    "apply": _Named(
        "apply", "apply", "Bring connectors to what config files say: create, change, and with --prune delete them."
    ),
    "completion": _Named(
        "completion", "completion", "Print what has a shell complete commands and options, or install it."
    ),
    "connector": _Named("connectors", "connector", "List, create and change connectors, over REST."),
    "consume": _Named("consume", "consume", "Print a topic's records, one a line, and follow it until Ctrl-C."),
    "context": _Named("contexts", "context", "Name workers, and keep what it takes to reach them."),
    "dlq": _Named(
        "dlq", "dlq", "List, show, mend, replay and discard dead letters: records that a connector failed on."
    ),
    "doctor": _Named(
        "doctor.command", "doctor", "Say whether a worker would run here, and what to do where it would not."
    ),
    "group": _Named("groups", "group", "List, describe, reset and delete consumer groups."),
    "health": _Named("health", "health", "Ask a worker how it does; for probes that run a command."),
    "lint": _Named("lint", "lint", "Say what is wrong, or likely to go wrong, with config files."),
    "log": _Named("log", "log_group", "Verify, dump, count and repair what a log's files hold."),
    "migrate": _Named("migrate", "migrate", "Say what becomes of configs of Kafka Connect, key by key."),
    "perf": _Named("perf", "perf", "Measure producing and consuming."),
    "plugin": _Named("plugins", "plugin", "Show, make, test and check plugins: connectors, converters, transforms."),
    "preview": _Named(
        "preview", "preview", "Show what a connector would do with real records, step by step; nothing of it stays."
    ),
    "produce": _Named(
        "produce", "produce", "Append the lines of FILE, or of standard input, to a topic: one record a line."
    ),
    "registry": _Named("registry", "registry", "Run a schema registry, with Confluent's REST API."),
    "run": _Named("run", "run", "Run connectors in this process, without a worker, and until they are done if asked."),
    "schema": _Named("schemas", "schema", "List, show, register, check and delete schemas of a schema registry."),
    "topic": _Named("topics", "topic", "List, create, describe, alter and delete topics."),
    "user": _Named(
        "users", "user", "Make and list the users of a worker's REST API; their secrets are kept as hashes."
    ),
    "worker": _Named("worker", "worker", "Run a worker, with the connectors of these files."),
}


#: What others call a command of ours.
_ELSEWHERE: Final = {
    "start": "worker",
    "serve": "worker",
    "standalone": "worker",
    "distributed": "worker",
    "ls": "connector list",
    "get": "connector list",
    "topics": "topic list",
    "version": "--version",
    "help": "--help",
}


class Commands(click.Group):
    """Imports a command's module when that command is asked for: a worker's start waits for no other command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None where there is none of this name."""
        found = _COMMANDS.get(cmd_name)
        if found is None:
            return None
        command: click.Command = getattr(importlib.import_module(f"connect.cli.{found.module}"), found.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of a command line; of one that there is not, say which may be meant."""
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            meant = _nearest(args[0])
            told = f"; did you mean 'connect {meant}'?" if meant else "."
            raise click.UsageError(f"No such command {args[0]!r}{told}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        limit = formatter.width - 6 - max(map(len, _COMMANDS))
        rows = [
            (name, click.Command(name, help=named.summary).get_short_help_str(limit))
            for name, named in _COMMANDS.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _nearest(given: str) -> str | None:
    """Return what somebody who wrote a command that there is not may mean, None where nothing is near."""
    if (known := _ELSEWHERE.get(given)) is not None:
        return known
    connector = importlib.import_module("connect.cli.connectors").connector
    names = {**{name: f"connector {name}" for name in connector.commands}, **{name: name for name in _COMMANDS}}
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.75)
    return names[near[0]] if near else None


@dataclass(slots=True)
class Session:
    """What every command gets as `ctx.obj`."""

    wiring: Wiring


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(connect.__version__, prog_name="connect")
@click.option("--debug", is_flag=True, help="Show the whole trace of an unexpected failure.")
def cli(debug: bool) -> None:
    """Run connectors: Kafka Connect's job, configs and REST API, with a bundled log."""


def _usage_error(error: click.ClickException, *, as_json: bool) -> ConnectError:
    """Return a refusal of the command line's parser as an error of ours; people get the usage line before it."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return UsageError(error.format_message())
    if not as_json:
        click.echo(context.get_usage(), err=True)
    return UsageError(error.format_message(), hint=f"See '{context.command_path} --help'.")


def run(wiring: Wiring, arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in arguments
    try:
        result = cli.main(args=arguments, prog_name="connect", standalone_mode=False, obj=Session(wiring))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        print_error(_usage_error(error, as_json=as_json), as_json=as_json)
        return 2
    except click.exceptions.Abort:
        return 130
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has gone: not a failure. Python must not try to flush what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ConnectError as error:
        print_error(error, as_json=as_json)
        return error.exit_code
    except Exception as error:
        print_unexpected(error, debug="--debug" in arguments)
        return 1
    return result if isinstance(result, int) else 0
