"""The command `connect`: its groups, and how every failure becomes a message and an exit code.

Exit codes: 0 fine, 1 runtime, 2 usage or config, 3 environment, 4 a connector is under way to its state, 130 and 143
for a forced end by SIGINT and SIGTERM.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

import connect
from connect.api import ConnectError
from connect.cli.connectors import connector
from connect.cli.consume import consume
from connect.cli.contexts import context
from connect.cli.groups import group
from connect.cli.log import log_group
from connect.cli.output import UsageError, print_error, print_unexpected
from connect.cli.perf import perf
from connect.cli.plugins import plugin
from connect.cli.produce import produce
from connect.cli.topics import topic
from connect.cli.users import user
from connect.cli.wiring import Wiring
from connect.cli.worker import worker


@dataclass(slots=True)
class Session:
    """What every command gets as `ctx.obj`."""

    wiring: Wiring


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(connect.__version__, prog_name="connect")
@click.option("--debug", is_flag=True, help="Show the whole trace of an unexpected failure.")
def cli(debug: bool) -> None:
    """Run connectors: Kafka Connect's job, configs and REST API, with a bundled log."""


for command in (worker, connector, topic, produce, consume, group, log_group, perf, plugin, context, user):
    cli.add_command(command)


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
