"""The exported surface of the API as text: names, signatures, attributes. `python -m tests.api.surface` writes it anew.

A change of `surface.txt` is a change of the API; docs/reference/api-stability.md says which a minor version may make.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODULES = ("connect.api", "connect.api.columns", "connect.api.java", "connect.api.logical", "connect.api.values")
LISTING = Path(__file__).with_name("surface.txt")


def surface() -> str:
    """Return one line for each thing that a plugin can name."""
    lines = []
    for name in MODULES:
        module = importlib.import_module(name)
        lines.append(f"# {name}")
        for exported in sorted(module.__all__):
            lines += _lines_of(exported, getattr(module, exported))
        lines.append("")
    return "\n".join(lines)


def _lines_of(name: str, value: Any) -> Iterator[str]:
    if inspect.ismodule(value):
        yield f"module {name}"
    elif isinstance(value, type) and value.__module__.startswith("connect."):
        yield from _class_lines(name, value)
    elif inspect.isfunction(value):
        yield f"def {name}{signature_of(value)}"
    else:
        yield f"{name}: {constant_of(value)}"


def _class_lines(name: str, cls: type) -> Iterator[str]:
    bases = [base.__name__ for base in cls.__mro__[1:] if base.__module__.startswith("connect.")]
    yield f"class {name}" + (f"({', '.join(bases)})" if bases else "")
    if issubclass(cls, enum.Enum):
        yield from (f"    {name}.{member.name} = {member.value!r}" for member in cls)
    elif not getattr(cls, "_is_protocol", False) and (
        "__init__" in vars(cls) or dataclasses.is_dataclass(cls) or "__new__" in vars(cls)
    ):
        yield f"    {name}{signature_of(cls)}"
    members: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("connect."):
            members |= {member: line for member, line in _members(name, base) if not member.startswith(("_", "model_"))}
    if not issubclass(cls, enum.Enum):
        yield from (f"    {members[member]}" for member in sorted(members))


def _members(name: str, base: type) -> Iterator[tuple[str, str]]:
    for member in vars(base).get("__slots__", ()):
        yield member, f"{name}.{member}"
    for member, annotation in inspect.get_annotations(base).items():
        yield member, f"{name}.{member}: {annotation_of(annotation)}"
    for member, value in vars(base).items():
        if isinstance(value, property):
            yield member, f"{name}.{member}: {inspect.signature(value.fget).return_annotation}"  # type: ignore[arg-type]
        elif isinstance(value, classmethod | staticmethod):
            yield member, f"{type(value).__name__} {name}.{member}{signature_of(value.__func__)}"
        elif inspect.isfunction(value):
            yield member, f"def {name}.{member}{signature_of(value)}"


class _Raw(str):
    """An annotation that prints without quotes, as it is written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def signature_of(function: Any) -> str:
    """Return a signature as it is written in the source."""
    found = inspect.signature(function)
    parameters = [part.replace(annotation=annotation_of(part.annotation)) for part in found.parameters.values()]
    return str(inspect.Signature(parameters, return_annotation=annotation_of(found.return_annotation)))


def annotation_of(annotation: Any) -> Any:
    """Return an annotation that prints as it is written."""
    if annotation is inspect.Parameter.empty:
        return annotation
    text = getattr(annotation, "__forward_arg__", annotation)
    return _Raw(text if isinstance(text, str) else inspect.formatannotation(text))


def constant_of(value: Any) -> str:
    """Return the type of a constant, and its value where that is short."""
    kind = type(value)
    if kind in (str, int, float):
        return f"{kind.__name__} = {value!r}"
    return str(value) if kind.__module__ in ("types", "typing") else kind.__name__


if __name__ == "__main__":
    LISTING.write_text(surface())
