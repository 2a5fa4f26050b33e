"""Writes docs/reference/api/*.md: `python -m tests.docs.api_pages`.

A page is a module of the public API, with every name that may be imported, its signature, attributes and docstrings,
so it cannot say what is not so. What `connect.api` gives is on the pages of the modules that define it; it is imported
from `connect.api`. A test fails where a page is not what would be written now.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.api.surface import MODULES, annotation_of, constant_of, signature_of

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "api"
INDEX = PAGES / "index.md"
#: Public for programs, and not for plugins.
MORE = ("connect.transforms",)
_SECTIONS = re.compile(r"^(Args|Attributes|Class attributes|Raises|Returns|Yields|Source|Sources):\s*(.*)$")
_ENTRY = re.compile(r"^([\w*][\w*., ()]*?): (.*)$")


@dataclasses.dataclass(frozen=True)
class Page:
    """One page: the module that is imported from, the one that defines, and what of it is public."""

    importing: str
    home: str
    names: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """'schema-type.md' of connect.api.schema_type, 'connect-transforms.md' of connect.transforms."""
        return re.sub(r"[._]", "-", self.home.removeprefix("connect.api.")) + ".md"


def pages() -> list[Page]:
    """Return every page, in the order of the index."""
    found = []
    for importing in (*MODULES, *MORE):
        homes: dict[str, list[str]] = {}
        for name in importlib.import_module(importing).__all__:
            home = _home(importing, name) if importing == "connect.api" else importing
            homes.setdefault(home, []).append(name)
        found += [Page(importing, home, tuple(sorted(names, key=_order))) for home, names in sorted(homes.items())]
    return found


def _order(name: str) -> tuple[bool, str]:
    return name.isupper(), name  # what is used first: classes and functions


def _home(importing: str, name: str) -> str:
    """Return the room below connect.api that a name is from: packages have one page."""
    value = getattr(importlib.import_module(importing), name)
    home = getattr(value, "__module__", None) if isinstance(value, type) or inspect.isfunction(value) else None
    home = home if home and home.startswith("connect.") else _imported_from(importing)[name]
    parts = home.split(".")
    return ".".join(parts[:3])


@cache
def _imported_from(importing: str) -> dict[str, str]:
    found = {}
    for node in ast.walk(_tree(importing)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: node.module for alias in node.names}
    return found


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(Path(str(importlib.import_module(module).__file__)).read_text())


def render(page: Page) -> str:
    """Return a page's text."""
    module = importlib.import_module(page.home)
    importing = importlib.import_module(page.importing)
    lines = [f"# {page.home}", ""]
    if page.importing != page.home:
        lines += [f"Imported from `{page.importing}`.", ""]
    lines += [*_prose(_about(module)), ""]
    for name in page.names:
        lines += [*_thing(page, name, getattr(importing, name)), ""]
    lines.append("All names: [the index](index.md).")
    return "\n".join(lines) + "\n"


def render_index() -> str:
    """Return the index: every public name, by the module that it is imported from."""
    lines = [
        "# Names of the API",
        "",
        "Made of the code: signatures, attributes and docstrings.",
        "[Stability](../api-stability.md) says what of it may be relied on.",
        "[Write a connector](../../howto/write-a-connector.md) says how it is used.",
    ]
    for importing in (*MODULES, *MORE):
        own = [page for page in pages() if page.importing == importing]
        first = _about(importlib.import_module(importing)).split("\n\n")[0].replace("\n", " ")
        lines += ["", f"## {importing}", "", first, "", "| page | names |", "|---|---|"]
        for page in own:
            links = ", ".join(f"[`{name}`]({page.file_name}#{_anchor(name)})" for name in page.names)
            lines.append(f"| [{page.home}]({page.file_name}) | {links} |")
    return "\n".join(lines) + "\n"


def _anchor(name: str) -> str:
    return name.lower()


def _about(module: ModuleType) -> str:
    return inspect.getdoc(module).removeprefix("PUBLIC. ") if module.__doc__ else ""  # type: ignore[union-attr]


def _thing(page: Page, name: str, value: Any) -> Iterator[str]:
    yield f"## {name}"
    yield ""
    if isinstance(value, type) and value.__module__.startswith("connect."):
        yield from _class(name, value)
    elif inspect.isfunction(value):
        yield from _code(f"{_defines(value)} {name}{signature_of(value)}")
        yield from _doc(value)
    else:
        yield from _code(f"{name}: {constant_of(value)}")
        yield from _prose(_comment(page, name))


def _class(name: str, cls: type) -> Iterator[str]:
    bases = [base.__name__ for base in cls.__bases__ if base.__module__.startswith("connect.")]
    head = f"class {name}" + (f"({', '.join(bases)})" if bases else "")
    made = (
        not issubclass(cls, enum.Enum)
        and not getattr(cls, "_is_protocol", False)
        and ("__init__" in vars(cls) or dataclasses.is_dataclass(cls) or "__new__" in vars(cls))
    )
    yield from _code(*([head, f"{name}{signature_of(cls)}"] if made else [head]))
    yield from _doc(cls)
    if issubclass(cls, enum.Enum):
        yield from ("", "| member | value |", "|---|---|", *(f"| `{m.name}` | `{m.value!r}` |" for m in cls))
        return
    attributes = dict(_attributes(cls))
    if attributes:
        yield from ("", "| attribute | type |", "|---|---|")
        yield from (f"| `{a}` | `{_cell(str(t))}` |" for a, t in sorted(attributes.items()))
    for member, function, word in sorted(_methods(cls)):
        yield from ("", f"### {name}.{member}", "")
        yield from _code(f"{word}{_defines(function)} {member}{signature_of(function)}")
        yield from _doc(function)
    inherited = sorted({m for base in _bases(cls) for m, _, _ in _methods(base)} - {m for m, _, _ in _methods(cls)})
    if inherited:
        yield from ("", f"Inherited: {', '.join(f'`{member}`' for member in inherited)}.")


def _bases(cls: type) -> list[type]:
    return [base for base in cls.__mro__[1:] if base.__module__.startswith("connect.")]


def _attributes(cls: type) -> Iterator[tuple[str, Any]]:
    for base in (*reversed(_bases(cls)), cls):
        for member, annotation in inspect.get_annotations(base).items():
            if not member.startswith(("_", "model_")):
                yield member, annotation_of(annotation)
        for member, value in vars(base).items():
            if isinstance(value, property) and not member.startswith("_"):
                assert value.fget is not None, member
                yield member, annotation_of(inspect.signature(value.fget).return_annotation)


def _methods(cls: type) -> list[tuple[str, Any, str]]:
    found = []
    for member, value in vars(cls).items():
        if member.startswith(("_", "model_")):
            continue
        if isinstance(value, classmethod | staticmethod):
            found.append((member, value.__func__, f"@{type(value).__name__}\n"))
        elif inspect.isfunction(value):
            found.append((member, value, ""))
    return found


def _defines(function: Any) -> str:
    return "async def" if inspect.iscoroutinefunction(function) else "def"


def _code(*lines: str) -> Iterator[str]:
    yield from ("```python", *lines, "```")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _doc(thing: Any) -> Iterator[str]:
    text = thing.__doc__
    if text and not text.startswith(f"{getattr(thing, '__name__', '')}("):  # what dataclasses make is no docstring
        yield from ("", *_prose(inspect.cleandoc(text)))


def _prose(text: str) -> Iterator[str]:
    """Yield a docstring as Markdown: its sections as lists."""
    section, entry = False, ""
    for line in text.splitlines():
        found = _SECTIONS.match(line)
        if found:
            if entry:
                yield entry
            section, entry = True, ""
            yield from (f"**{found[1]}**" + (f" {found[2]}" if found[2] else ""), "")
        elif section and line.startswith("    "):
            inner = line[4:]
            if not inner.startswith(" ") and _ENTRY.match(inner):
                if entry:
                    yield entry
                what, told = _ENTRY.match(inner).groups()  # type: ignore[union-attr]
                entry = f"- `{what}`: {told}"
            elif entry:
                entry += " " + inner.strip()
            else:
                yield inner
        else:
            if entry:
                yield entry
                entry = ""
            section = section and not line.strip()
            yield line
    if entry:
        yield entry


def _comment(page: Page, name: str) -> str:
    """Return the `#:` comment above a constant, where it is defined."""
    home = _imported_from(page.importing).get(name, page.home) if page.importing != page.home else page.home
    path = Path(str(importlib.import_module(_imported_from(page.home).get(name, home)).__file__))
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(rf"{name}\b.*=", line):
            above = []
            while number > 0 and lines[number - 1].startswith("#: "):
                number -= 1
                above.insert(0, lines[number][3:])
            return textwrap.dedent("\n".join(["", *above])) if above else ""
    return ""


def main() -> None:
    """Write every page, and take away those of what is no more."""
    PAGES.mkdir(exist_ok=True)
    wanted = {page.file_name: render(page) for page in pages()} | {INDEX.name: render_index()}
    for path in PAGES.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (PAGES / name).write_text(text)


if __name__ == "__main__":
    main()
