"""`connect context`: workers by name, with what it takes to reach them, in a file as kcctl keeps one.

The file is JSON, `{"current": NAME, "contexts": {NAME: {url, username, ...}}}`, at CONNECT_CONTEXTS_FILE, else
`connect/contexts.json` in XDG_CONFIG_HOME, else in `~/.config`. It may hold passwords and tokens, so only its owner may
read it; nothing prints them.
"""

from __future__ import annotations

import difflib
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import orjson

from connect.api import HIDDEN, ConfigError, EnvironmentFault, NotFoundError
from connect.cli.output import UsageError, as_json_option, print_json, print_table
from connect.cli.texts import read_text
from connect.credentials import contexts_file


@dataclass(frozen=True, slots=True)
class Context:
    """One worker, or cluster of them: where it answers, and what it wants to see.

    Attributes:
        cacert: PEM file of the certificates that the worker's is checked against; the system's when left out.
        cert: PEM file of the client's certificate; `key` of its private key, where that is apart.
    """

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None

    def shown(self) -> dict[str, Any]:
        """Return the context to print."""
        secret = ("password", "token")
        return {k: HIDDEN if k in secret else v for k, v in asdict(self).items() if v is not None}


@dataclass(slots=True)
class Contexts:
    """The file's content."""

    path: Path
    current: str | None = None
    contexts: dict[str, Context] = field(default_factory=dict)

    @classmethod
    def load(cls) -> Contexts:
        """Read the file; none is an empty one.

        Raises:
            ConfigError: It cannot be read or is not of that form.
        """
        path = contexts_file()
        try:
            parsed = orjson.loads(path.read_bytes())
            if path.stat().st_mode & 0o077:
                from connect.credentials import keep_private

                keep_private(path, 0o077)
            contexts = {str(name): Context(**given) for name, given in parsed["contexts"].items()}
            return cls(path, parsed.get("current"), contexts)
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(
                f"the contexts file {path} cannot be read: {type(error).__name__}",
                code="config.unreadable",
                hint="Mend it, or delete it and set the contexts again.",
            ) from None

    def save(self) -> None:
        """Write the file."""
        from connect.credentials import write_private

        kept = {name: {k: v for k, v in asdict(c).items() if v is not None} for name, c in self.contexts.items()}
        text = orjson.dumps({"current": self.current, "contexts": kept}, option=orjson.OPT_INDENT_2).decode()
        try:
            write_private(self.path, text + "\n")
        except OSError as error:
            raise EnvironmentFault(f"the contexts file {self.path} cannot be written: {error.strerror}") from error

    def named(self, name: str) -> Context:
        """Return a context.

        Raises:
            NotFoundError: With the nearest name there is.
        """
        if name in self.contexts:
            return self.contexts[name]
        near = difflib.get_close_matches(name, self.contexts, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "List them with 'connect context list'."
        raise NotFoundError(f"no context {name!r} in {self.path}", hint=hint)

    def of_url(self, url: str) -> Context | None:
        """Return the context of a worker's address: the current one where several have it."""
        found = [name for name, context in self.contexts.items() if context.url.rstrip("/") == url.rstrip("/")]
        if not found:
            return None
        return self.contexts[self.current if self.current in found else found[0]]


@click.group()
def context() -> None:
    """Name workers, and keep what it takes to reach them."""


@context.command("set")
@click.argument("name")
@click.option("--url", help="The worker's address; needed for a new context.")
@click.option("--username", help="A user; the password is asked for, or read from standard input.")
@click.option("--password-file", type=click.Path(path_type=Path), help="Read the password from this file.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Read a bearer token from this file, - for standard input.",
)
@click.option("--cacert", help="PEM file of the certificates to trust.")
@click.option("--cert", help="PEM file of the client's certificate.")
@click.option("--key", help="PEM file of its private key, where that is apart.")
def set_context(
    name: str,
    url: str | None,
    username: str | None,
    password_file: Path | None,
    token_file: Path | None,
    cacert: str | None,
    cert: str | None,
    key: str | None,
) -> None:
    """Add a context or change it; the first one is the current one."""
    contexts = Contexts.load()
    before = contexts.contexts.get(name)
    if before is None and url is None:
        raise click.UsageError(f"context {name!r} is new: give its --url")
    changed: dict[str, Any] = {"url": url, "username": username, "cacert": cacert, "cert": cert, "key": key}
    if username is not None or password_file is not None:
        changed |= {"password": read_secret("Password", password_file), "token": None}
    if token_file is not None:
        changed |= {"token": read_secret("Token", token_file)}
    changes = {k: v for k, v in changed.items() if v is not None}
    contexts.contexts[name] = replace(before, **changes) if before is not None else Context(**changes)
    contexts.current = contexts.current or name
    contexts.save()
    click.echo(f"set {name}")


def read_secret(what: str, path: Path | None) -> str:
    """Return a secret from a file, else from standard input; on a terminal it is asked for and not shown."""
    if path is not None and str(path) != "-":
        secret = read_text(path).rstrip("\r\n")
    elif sys.stdin.isatty():
        secret = click.prompt(what, hide_input=True, err=True)
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise UsageError(f"the {what.lower()} is empty")
    return secret


@context.command("list")
@as_json_option
def list_contexts(as_json: bool) -> None:
    """List the contexts; the current one is marked."""
    contexts = Contexts.load()
    if as_json:
        shown = {name: one.shown() for name, one in contexts.contexts.items()}
        print_json({"current": contexts.current, "contexts": shown})
        return
    rows = [
        ("*" if name == contexts.current else "", name, one.url, one.username or ("token" if one.token else ""))
        for name, one in sorted(contexts.contexts.items())
    ]
    print_table(["", "name", "url", "user"], rows)


@context.command()
@click.argument("name")
def use(name: str) -> None:
    """Make a context the current one."""
    contexts = Contexts.load()
    contexts.named(name)
    contexts.current = name
    contexts.save()
    click.echo(f"using {name}")


@context.command()
@click.argument("name", required=False)
def show(name: str | None) -> None:
    """Show a context, the current one when none is named."""
    contexts = Contexts.load()
    chosen = name or contexts.current
    if chosen is None:
        raise NotFoundError("there is no context yet", hint="Make one with 'connect context set NAME --url URL'.")
    print_json({"name": chosen, **contexts.named(chosen).shown()})


@context.command()
@click.argument("name")
def delete(name: str) -> None:
    """Delete a context."""
    contexts = Contexts.load()
    contexts.named(name)
    del contexts.contexts[name]
    contexts.current = None if contexts.current == name else contexts.current
    contexts.save()
    click.echo(f"deleted {name}")
