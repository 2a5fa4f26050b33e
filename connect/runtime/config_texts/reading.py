"""What somebody pasted, as connectors that could be made of it, and in words what it was taken for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from connect.api import ConfigError
from connect.runtime.config_texts.forms import Form, Pasted, is_yaml, of_text
from connect.runtime.validation.debezium_server import connector_of
from connect.runtime.validation.elsewhere import instead_in_server

#: Of a text: no config is larger, and lists of them are files' work. Of YAML less, of which a second reads 40,000.
CHARS_MAX: Final = 1 << 20
YAML_CHARS_MAX: Final = 64 << 10
#: Connectors of one text.
CONNECTORS_MAX: Final = 1000
_NOTES_MAX: Final = 100
_WHERE: Final = "the text"
#: A block of code, as Markdown has it.
_FENCED: Final = re.compile(r"^[ \t]*```[^`\n]*\n(.*?)^[ \t]*```[ \t]*$", re.MULTILINE | re.DOTALL)
#: A variable of a shell that nobody has put in: references to config providers have a colon.
_VARIABLE: Final = re.compile(r"\$\{\w+\}|^\$\w+")
_UNREADABLE: Final = "config.unreadable"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text holds.

    Attributes:
        took_it_for: Its form, in words.
        connectors: Name and config of each; the name is empty where there is none.
        notes: What was left out or changed, and what is missing.
    """

    took_it_for: str
    connectors: tuple[tuple[str, dict[str, str]], ...]
    notes: tuple[str, ...]


def read(text: str) -> Reading:
    """Return what a text holds. Takes up to some seconds: not for the event loop.

    Raises:
        ConfigError: config.unreadable: it is too large, or no form that is known.
    """
    text = _unfenced(text)
    yaml = is_yaml(text[:CHARS_MAX]) and text.lstrip()[:1] not in ("{", "[")
    most = YAML_CHARS_MAX if yaml else CHARS_MAX
    if len(text) > most:
        raise ConfigError(
            f"{_WHERE} has {len(text):,} characters{' of YAML' if yaml else ''}; at most {most:,} are taken",
            code=_UNREADABLE,
            hint="Paste one config at a time, or apply files with 'connect apply'.",
        )
    if not text.strip():
        raise ConfigError(f"{_WHERE} is empty; a connector's config is expected", code=_UNREADABLE)
    found = of_text(_WHERE, "", text)
    connectors = [_connector(one) for one in found if one.form in (Form.CONNECTOR, Form.DEBEZIUM_SERVER)]
    notes = [note for one in found for note in _notes(one)]
    if len(connectors) > CONNECTORS_MAX:
        notes.insert(0, f"it holds {len(connectors):,} connectors; the first {CONNECTORS_MAX:,} are here")
    if not found:
        notes.append("it holds no connector that is not deleted")
    return Reading(_took(found), tuple(connectors[:CONNECTORS_MAX]), tuple(notes[:_NOTES_MAX]))


def _unfenced(text: str) -> str:
    """Return what stands between the fences of Markdown, where a text has two; else the text."""
    found = _FENCED.findall(text[: CHARS_MAX + 1])
    return found[0] if len(found) == 1 else text


def _took(found: Sequence[Pasted]) -> str:
    shapes = list(dict.fromkeys(one.shape for one in found))
    told = "; ".join(shapes[:3]) or "records of a config topic"
    counts = Counter(one.form for one in found)
    if list(counts) == [Form.CONNECTOR]:
        return told if counts[Form.CONNECTOR] == 1 else f"{told}: {counts[Form.CONNECTOR]:,} connectors"
    kinds = [_KINDS[form] if count == 1 else f"{count:,} times {_KINDS[form]}" for form, count in counts.items()]
    return f"{told}: {', '.join(kinds)}" if kinds else told


_KINDS: Final = {
    Form.CONNECTOR: "a connector",
    Form.WORKER: "a worker's config",
    Form.DEBEZIUM_SERVER: "Debezium Server's application.properties",
    Form.MIRROR_MAKER: "a config of MirrorMaker 2",
}


def _connector(pasted: Pasted) -> tuple[str, dict[str, str]]:
    if pasted.form is Form.DEBEZIUM_SERVER:
        config, _, _ = connector_of(pasted.config)
        return config.get("name", "").strip() or pasted.name, {k: v for k, v in config.items() if k != "name"}
    return pasted.name, {key: value for key, value in pasted.config.items() if key != "name"}


def _notes(pasted: Pasted) -> Iterator[str]:
    about = "" if pasted.where == _WHERE else f"{pasted.where.removeprefix(_WHERE).lstrip(': ')}: "
    match pasted.form:
        case Form.WORKER:
            yield f"{about}a worker's config makes no connector; a worker takes it with --config"
        case Form.MIRROR_MAKER:
            yield f"{about}MirrorMaker 2 is a program of its own, and makes no connector here"
        case Form.DEBEZIUM_SERVER:
            _, _, rest = connector_of(pasted.config)
            for key in rest:
                yield f"{about}{key} was left out: {instead_in_server(key) or 'no key of a connector'}"
    if pasted.form in (Form.CONNECTOR, Form.DEBEZIUM_SERVER):
        name, config = _connector(pasted)
        if not name:
            yield f"{about}it has no name: give it one"
        if "connector.class" not in config:
            yield f"{about}connector.class is missing"
        for key, value in (("its name", name), *config.items()):
            if variable := _VARIABLE.search(value):
                yield f"{about}{variable[0]} in {key} is a variable: put its value in"
        inner = pasted.config.get("name", "").strip()
        if inner and name and inner != name:
            yield f"{about}the config's own name, {inner!r}, is not {name!r}, and was left out"
