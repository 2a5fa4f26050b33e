"""`connect completion`: has a shell complete commands and options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click
from click.shell_completion import get_completion_class

from connect.api import EnvironmentFault, register_code
from connect.cli.output import as_json_option, print_json

SHELLS: Final = ("bash", "zsh", "fish")
NOT_WRITTEN: Final = register_code(
    "environment.completion",
    "The completion of a shell cannot be written to where the shell looks for it.",
    "Print it, and put it elsewhere: connect completion SHELL.",
)
_VARIABLE: Final = "_CONNECT_COMPLETE"
_FIRST: Final = "# Completion of the command connect, by 'connect completion'.\n"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.option("--install", is_flag=True, help="Write it to where the shell looks for completions of its user.")
@as_json_option
@click.pass_context
def completion(ctx: click.Context, shell: str | None, install: bool, as_json: bool) -> None:
    """Print what has a shell complete commands and options, or install it.

    SHELL is the one of $SHELL when left out. A file that is there already is replaced if it is of this command, and
    refused else.
    """
    shell = shell or _own_shell()
    text = _source(ctx.find_root().command, shell)
    if not install:
        if as_json:
            print_json({"shell": shell, "script": text})
        else:
            click.echo(text, nl=False)
        return
    path, then = _place(shell)
    _write(path, text)
    if as_json:
        print_json({"shell": shell, "path": str(path), "then": then})
        return
    click.echo(f"wrote {path}")
    click.echo(f"next: {then}")


def _own_shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise click.UsageError(f"SHELL is missing: one of {', '.join(SHELLS)} (of $SHELL it is not known)")
    return name


def _source(command: click.Command, shell: str) -> str:
    made = get_completion_class(shell)
    assert made is not None, "click knows these three"
    one = made(command, {}, "connect", _VARIABLE)
    # As `source` of click does, which asks a bash for its version first: the file may be for another machine.
    text = one.source_template % one.source_vars()
    head = f"#compdef connect\n{_FIRST}" if shell == "zsh" else _FIRST
    return head + text.removeprefix("#compdef connect\n").strip() + "\n"


def _place(shell: str) -> tuple[Path, str]:
    """Return the file in which a shell looks for a user's completions, and what is left to do."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    if shell == "bash":
        told = "open another shell; the package bash-completion has to be installed"
        return data / "bash-completion" / "completions" / "connect", told
    if shell == "fish":
        return config / "fish" / "completions" / "connect.fish", "open another shell"
    folder = data / "zsh" / "site-functions"
    return folder / "_connect", f"write 'fpath=({folder} $fpath)' before compinit in ~/.zshrc, and open another shell"


def _may_be_written(path: Path) -> bool:
    """Say whether a path is free, or a file of this command. A link to nothing is somebody's, and leads elsewhere."""
    if not path.exists():
        return not path.is_symlink()
    # What is no file is not opened: a pipe would wait for its other end.
    return path.is_file() and _FIRST.encode() in path.read_bytes()


def _write(path: Path, text: str) -> None:
    """Write the file.

    Raises:
        EnvironmentFault: It cannot be written, or is somebody else's.
    """
    try:
        if not _may_be_written(path):
            raise EnvironmentFault(
                f"{path} is there, and not of this command",
                code=NOT_WRITTEN,
                hint="Remove it, or print the completion and put it elsewhere.",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise EnvironmentFault(
            f"{path} cannot be written: {error.strerror}",
            code=NOT_WRITTEN,
            hint="Print the completion and put it elsewhere: connect completion SHELL.",
        ) from error
