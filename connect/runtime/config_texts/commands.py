"""Texts that commands of a shell would send: bodies of curl, and what kubectl would apply. Nothing is run.

Understood is what tutorials and scripts have: quotes, here-documents, pipes from `echo` and `cat`, files that were
written before, and programs that run curl elsewhere (`docker exec NAME curl ...`). Variables stay as they are written.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from connect.api import ConfigError

_UNREADABLE: Final = "config.unreadable"
#: A longer text would take long to be split.
CHARS_MAX: Final = 64 << 10
#: What a line of a script begins with, and what has to be in it somewhere.
_BEGINS: Final = re.compile(
    r"^[ \t]*(?:\$[ \t]+)?(?:#!|(?:curl|kubectl|oc|docker|docker-compose|podman|sudo|cat|echo|printf)[ \t])",
    re.MULTILINE,
)
_SENDS: Final = re.compile(r"(?<![\w.-])(?:curl|kubectl|oc)[ \t]")
#: Options of curl that have a body, and those that have another value beside them.
_BODIES: Final = ("-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--json")
_WITH_VALUE: Final = ("-H", "--header", "-X", "--request", "-u", "--user", "-o", "--output", "--cacert", "--cert", "-w")
#: Flags of curl without a value, in front of one that has one: `-sX PUT`.
_FLAGS: Final = re.compile(r"-[sSiIkLfvg]+([XHuowd])")
_HERE: Final = re.compile(
    r"<<-?[ \t]*(['\"]?)(\w+)\1([^\n]{0,300})\n(.*?)(?:^[ \t]*\2[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_LINE_OF_ITS_OWN: Final = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_PROMPT: Final = re.compile(r"^[ \t]*\$[ \t]+", re.MULTILINE)
#: `$'...'`, as shells that know it quote.
_DOLLAR_QUOTE: Final = re.compile(r"(?<=[\s=])\$(?=')")
#: The end of a line that goes on: of shells, and of Windows' own.
_GOES_ON: Final = re.compile(r"[\\^]\n")
_ENDS: Final = frozenset("|;&\n()")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a command would send.

    Attributes:
        program: Which one sends it.
        name: Of the connector, where the address has it; else empty.
    """

    program: str
    name: str
    text: str


def is_command(text: str) -> bool:
    """Say whether a text is commands of a shell of which one sends something."""
    return text.lstrip()[:1] not in ("{", "[") and bool(_BEGINS.search(text) and _SENDS.search(text))


def sent(where: str, text: str) -> list[Sent]:
    """Return what the commands in a text would send, in their order.

    Raises:
        ConfigError: config.unreadable: it is too long, its quotes do not match, or a config is in a file.
    """
    if len(text) > CHARS_MAX:
        raise ConfigError(f"{where} is a command of more than {CHARS_MAX:,} characters", code=_UNREADABLE)
    here = list[str]()

    def kept(match: re.Match[str]) -> str:
        # Without quotes around its end the shell takes a backslash in front of `$` away.
        here.append(match[4] if match[1] else match[4].replace("\\$", "$").replace("\\`", "`"))
        return f" \0{len(here) - 1} {match[3]}\n"

    script = _HERE.sub(kept, text.replace("\r\n", "\n").replace("\0", ""))
    script = _DOLLAR_QUOTE.sub("", _PROMPT.sub("", _LINE_OF_ITS_OWN.sub("", script)))
    script = _GOES_ON.sub(" ", script)
    found, files = list[Sent](), dict[str, str]()
    try:
        for pipeline in _pipelines(script):
            given: str | None = None
            for words in pipeline:
                given = _text_in(words, here) or given
                if ">" in words[:-1] and given is not None:
                    files[words[words.index(">") + 1]] = given
                found += _sent_by(where, words, given, files)
    except ValueError as error:
        raise ConfigError(f"{where} is no command that can be read: {error}", code=_UNREADABLE) from None
    if not found:
        raise ConfigError(
            f"{where}: the command has no config beside it",
            code=_UNREADABLE,
            hint="Paste a command with -d and a config.",
        )
    return found


def _pipelines(script: str) -> Iterator[list[list[str]]]:
    """Yield the commands that are joined by pipes, each as its words."""
    lexer = shlex.shlex(script, posix=True, punctuation_chars="|;&\n()<>")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    pipeline: list[list[str]] = [[]]
    for word in lexer:
        if not word or not set(word) <= _ENDS:
            pipeline[-1].append(word)
        elif word.strip("\n") == "|":
            pipeline.append([])
        else:
            yield [words for words in pipeline if words]
            pipeline = [[]]
    yield [words for words in pipeline if words]


def _text_in(words: Sequence[str], here: Sequence[str]) -> str | None:
    """Return what a command is given, or prints: its here-document, or what `echo` is told."""
    for word in words:
        if word[:1] == "\0":
            return here[int(word[1:])]
    return (
        next((word for word in words[1:] if word[:1] in ("{", "[")), None) if words[0] in ("echo", "printf") else None
    )


def _sent_by(where: str, words: Sequence[str], given: str | None, files: dict[str, str]) -> Iterator[Sent]:
    programs = [word.rpartition("/")[2] for word in words]
    if "curl" in programs:
        body, path = _curl(words[programs.index("curl") + 1 :])
        if body is not None:
            yield Sent("curl", _name_in(path), _body(where, body, given, files))
        return
    program = next((one for one in ("kubectl", "oc") if one in programs), None)
    if program is not None and ({"apply", "create"} & set(words)):
        file = next((words[at + 1] for at, word in enumerate(words[:-1]) if word in ("-f", "--filename")), "-")
        yield Sent(program, "", _body(where, f"@{file}", given, files))


def _curl(words: Sequence[str]) -> tuple[str | None, str]:
    """Return the body and the path of the address that a command of curl has."""
    body, path = None, ""
    rest = iter(words)
    for word in rest:
        option, _, value = word.partition("=")
        flags = _FLAGS.fullmatch(word)
        short = f"-{flags[1]}" if flags else word
        if short in _BODIES:
            body = next(rest, None)
        elif option in _BODIES:
            body = value
        elif word.startswith("-d") and len(word) > 2:
            body = word[2:]
        elif short in _WITH_VALUE:
            next(rest, None)
        elif not word.startswith("-") and "/" in word:
            path = urlsplit(word).path if "://" in word else word.partition("/")[2]
    return body, path


def _body(where: str, body: str, given: str | None, files: dict[str, str]) -> str:
    """Return a body, or what stands in the file that it names, where the text has that."""
    if not body.startswith("@"):
        # In double quotes the shell takes the backslash away; no JSON has one there.
        return body.replace("\\$", "$")
    found = given if body == "@-" else files.get(body[1:])
    if found is None:
        named = "its standard input" if body == "@-" else f"a file, {body[1:]}"
        raise ConfigError(
            f"{where}: the command has no config beside it, but {named}",
            code=_UNREADABLE,
            hint="Paste what is in the file.",
        )
    return found


def _name_in(path: str) -> str:
    parts = path.strip("/").split("/")
    return unquote(parts[-2]) if parts[-1] == "config" and len(parts) > 1 else ""
