"""A function's parameters as a config declaration: each is a key, its annotation the type, its default the default.

What a key is for stands in the function's docstring, under `Args:`, or in `Annotated[int, config_key("...", ge=1)]`,
which can say all that a `Config` can.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import typing
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

import pydantic
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from connect.api.config import Config, config_key, redeclared
from connect.api.config_values import Secret
from connect.api.functions.runtime_keys import is_of_runtime

#: How a parameter is called that the runtime's context is given to.
CONTEXT: Final = "context"
_ARGUMENTS: Final = re.compile(r"^(Args|Arguments|Parameters):\s*$")
_ITEM: Final = re.compile(r"^(\w+)(?:\s*\([^)]*\))?:\s*(.*)$")


class Parameters:
    """What a function takes: records, maybe the context, and keys of its config.

    Args:
        function: Of the plugin's author.
        form: What it is to become, for messages: 'source'.
        given: How many parameters in front are not config: those that records come by.

    Raises:
        TypeError: A parameter cannot be a key; says which and what was expected.
    """

    def __init__(self, function: Callable[..., Any], form: str, *, given: int = 0) -> None:
        if not inspect.isroutine(function):
            raise TypeError(f"@{form} stands above a function, not above {type(function).__name__}")
        self.function, self.form = function, form
        try:
            hints = typing.get_type_hints(function, include_extras=True)
        except Exception as error:  # of an annotation that is text, whatever that does
            self.refuse(f"has an annotation that cannot be read: {error}; name only what its module has")
        self.returned: Any = hints.pop("return", None)
        found = list(inspect.signature(function).parameters.values())
        self.inputs = tuple(found[:given])
        if len(self.inputs) < given or any(p.kind in (p.VAR_KEYWORD, p.KEYWORD_ONLY) for p in self.inputs):
            self.refuse("takes nothing in; expected a first parameter for the records")
        self.input_types = tuple(hints.get(parameter.name) for parameter in self.inputs)
        for parameter, kind in zip(self.inputs, self.input_types, strict=True):
            if _is_plain(kind) or parameter.default is not parameter.empty:
                expected = "record: Record" if form == "transform" else "records: list[Record]"
                self.refuse(f"has {parameter.name!r} in front, where it is given {expected}, or batch: Batch")
        self.takes_context = any(parameter.name == CONTEXT for parameter in found[given:])
        keys = [parameter for parameter in found[given:] if parameter.name != CONTEXT]
        summary, told = _described(inspect.getdoc(function) or "")
        self.summary = summary
        self.unknown = sorted(set(told) - {parameter.name for parameter in found})
        if self.unknown:
            self.refuse(f"describes {self.unknown[0]!r} under Args, and has no such parameter")
        self._fields = {p.name: self._field(p, hints.get(p.name), told.get(p.name, "")) for p in keys}

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that are keys of the config."""
        return tuple(self._fields)

    def config_class(self, **more: tuple[Any, Any]) -> type[Config]:
        """Return the declaration: the function's keys, and further ones where it has none of that name itself.

        Args:
            more: Pairs of annotation and `config_key(...)`.

        Raises:
            TypeError: A key's annotation is no type that a config's text can be read as, or a key is the runtime's.
        """
        fields: dict[str, Any] = {}
        for name, declared in (more | self._fields).items():
            # One that the function takes without a word about it is described as ours is.
            is_told = name not in more or declared[1].description or not declared[1].is_required()
            fields[_attribute(name)] = declared if is_told else more[name]
        name = "".join(part.capitalize() for part in self.function.__name__.split("_")) + "Config"
        try:
            made: type[Config] = pydantic.create_model(
                name, __base__=Config, __module__=self.function.__module__, __doc__=self.summary, **fields
            )
            keys = made.keys()
        except (AssertionError, NameError, pydantic.errors.PydanticUserError) as error:
            self.refuse(f"has a parameter that cannot be a key of its config: {error}")
        if len(keys) < len(more.keys() | self._fields.keys()):
            self.refuse("has two parameters that are one key of its config; a _ at the end is no part of a key")
        self._refuse_runtime_keys(keys.keys() - {name.replace("_", ".") for name in more})
        return made

    def _refuse_runtime_keys(self, names: Iterable[str]) -> None:
        """Refuse keys that the runtime has itself."""
        for name in sorted(names):
            if is_of_runtime(self.form, name):
                mine = f"own_{name.replace('.', '_')}"
                also = "; context.connector is the connector's name" if name == "name" else ""
                self.refuse(f"has {name} as a key, which the runtime reads itself; write another name: {mine}{also}")

    def arguments(self, config: Config) -> dict[str, Any]:
        """Return the function's arguments by name, as a config has them."""
        return {name: getattr(config, _attribute(name)) for name in self._fields}

    def class_of(self, base: type, **attributes: Any) -> Any:
        """Return a plugin class that stands for the function: under its name, in its module, with its docstring."""
        function = self.function
        there = {
            "__module__": function.__module__,
            "__qualname__": function.__qualname__,
            "__doc__": inspect.getdoc(function),
            "function": staticmethod(function),
            "is_short_form": True,
        }
        return type(function.__name__, (base,), there | attributes)

    def _field(self, parameter: inspect.Parameter, hint: Any, told: str) -> tuple[Any, Any]:
        """Return a key as pydantic wants a field: its type, and what else there is to say."""
        name = parameter.name
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            self.refuse(f"takes *{name}; each key of its config has to be a parameter of its own")
        if parameter.kind is parameter.POSITIONAL_ONLY or name.startswith("_"):
            self.refuse(f"cannot take {name!r} from a config, which gives by name: no leading _, nothing before /")
        if hint is None:
            self.refuse(f"has no annotation for {name!r}; write {name}: str, int, float, bool, list[str] or Secret")
        default = PydanticUndefined if parameter.default is parameter.empty else parameter.default
        declared: Any = default if isinstance(default, FieldInfo) else None
        if typing.get_origin(hint) is typing.Annotated:
            hint, *more = typing.get_args(hint)
            declared = declared or next((one for one in more if isinstance(one, FieldInfo)), None)
        if declared is None:
            declared = config_key(told, default=default)
        elif default is not PydanticUndefined and default is not declared:
            declared = redeclared(declared, default=default)
        if _is_taken(name) or name.endswith("_"):  # `from_` is `from`, which Python has for itself
            declared = redeclared(declared, name=name.rstrip("_").replace("_", "."))
        return hint, declared

    def refuse(self, why: str) -> NoReturn:
        """Raise what is wrong with the function.

        Raises:
            TypeError: Always.
        """
        raise TypeError(f"{self.form} {self.function.__qualname__} {why}")


def falls_through(function: Callable[..., Any]) -> bool:
    """Return whether a function comes to its end without any `return`; False where its text is not to be had."""
    try:
        found = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return False
    if not isinstance(found, ast.FunctionDef) or isinstance(found.body[-1], ast.Raise):
        return False
    inside: list[ast.AST] = [*found.body]
    while inside:
        node = inside.pop()
        if isinstance(node, ast.Return):
            return False
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            inside += ast.iter_child_nodes(node)
    return True


def _is_plain(kind: Any) -> bool:
    """Return whether an annotation is that of a key or a value, and none that records can have."""
    kind = typing.get_args(kind)[0] if typing.get_origin(kind) is list else typing.get_origin(kind) or kind
    return kind in (str, int, float, bool, bytes, dict, Secret, typing.Literal, typing.Annotated)


def _attribute(name: str) -> str:
    return f"{name}_" if _is_taken(name) else name


def _is_taken(name: str) -> bool:
    """Whether a config has an attribute of this name itself, or pydantic has: `keys`, `schema`, `json`."""
    return hasattr(Config, name)


def _described(text: str) -> tuple[str, dict[str, str]]:
    """Return a docstring's text up to its sections, and what it says of each parameter."""
    summary: list[str] = []
    told: dict[str, list[str]] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if _ARGUMENTS.match(line):
            break
        summary.append(line)
    current, indent = None, 0
    for line in lines:
        if line and not line.startswith((" ", "\t")):
            break  # the next section
        item = _ITEM.match(line.strip())
        depth = len(line) - len(line.lstrip())
        if item and (current is None or depth <= indent):
            current, indent = item[1], depth
            told[current] = [item[2]]
        elif current is not None and line.strip():
            told[current].append(line.strip())
    return "\n".join(summary).strip(), {name: " ".join(parts).strip() for name, parts in told.items()}
