"""The reference page of a plugin's classes, in Markdown: what they declare, and nothing that they do not."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence

from connect.api import ConfigKey, Plugin
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc
from connect.runtime.promises import offer_of

_WORDS = {PluginKind.HEADER_CONVERTER: "header converter", PluginKind.CONFIG_PROVIDER: "config provider"}


def page_of(title: str, descs: Sequence[PluginDesc]) -> str:
    """Return a page with these classes."""
    if len(descs) == 1:
        return "\n".join([f"# {_simple(descs[0].cls)}", "", *_described(descs[0])]).rstrip() + "\n"
    lines = [f"# {title}", "", "| class | kind | what it does |", "|---|---|---|"]
    lines += [
        f"| [{_simple(d.cls)}](#{_simple(d.cls).lower()}) | {_word(d.kind)} | {_cell(_first_line(d.cls))} |"
        for d in descs
    ]
    for desc in descs:
        lines += ["", f"## {_simple(desc.cls)}", "", *_described(desc)]
    return "\n".join(lines).rstrip() + "\n"


def _described(desc: PluginDesc) -> Iterator[str]:
    names = ", ".join(f"`{name}`" for name in (desc.name, *desc.cls.aliases))
    yield f"A {_word(desc.kind)}, version {desc.cls.version}: {names}."
    yield ""
    if about := _about(desc.cls):
        yield from (about, "")
    if (offer := offer_of(desc)) is not None:
        yield f"Delivery: {', '.join(offer.guarantees)}."
        if offer.exactly_once:
            yield offer.exactly_once
        yield from (f"- `{key}`: {asks}" for key, asks in offer.keys.items())
        yield ""
    keys = [key for key in desc.cls.config_class.keys().values() if not key.internal]
    if not keys:
        yield "It has no keys of its own."
        return
    yield from ("| key | type | default | values | importance | meaning |", "|---|---|---|---|---|---|")
    yield from map(key_row, keys)


def key_row(key: ConfigKey) -> str:
    """Return the line of a key's table."""
    shown = f"`{key.default_text}`" if key.default_text else '""'
    default = "required" if key.required else "null" if key.default is None else shown
    values = key.valid_values or ", ".join(f"`{value}`" for value in key.recommended)
    cells = (f"`{key.name}`", key.type.value, default, values, key.importance.lower(), key.documentation)
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _word(kind: PluginKind) -> str:
    return _WORDS.get(kind, "transform" if kind is PluginKind.TRANSFORM else kind.value)


def _simple(cls: type[Plugin]) -> str:
    return cls.plugin_name().rpartition(".")[2]


def _about(cls: type[Plugin]) -> str:
    """Return what a class says of itself, without its section of arguments: these are its keys."""
    text = inspect.cleandoc(cls.__doc__ or "") if cls.__doc__ else ""
    return text.partition("\nArgs:")[0].strip()


def _first_line(cls: type[Plugin]) -> str:
    return _about(cls).split("\n")[0]
