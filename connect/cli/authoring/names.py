"""Which names a plugin may have: those by which its distribution, package, function and classes can be told apart."""

from __future__ import annotations

import builtins
import importlib.metadata
import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from typing import Final

from connect.api import ConfigError, hooks, register_code

BAD_NAME: Final = register_code(
    "plugin.bad_name",
    "A plugin cannot have this name.",
    "Choose lower-case words with hyphens, such as weather or sea-ice, that no other plugin has.",
)
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_CHARS_MAX: Final = 50
#: Names of ours, whether installed or not, and words that say nothing of a plugin.
_RESERVED: Final = frozenset({"api", "runtime", "testing", "plugin", "connector", "connect", "test", "tests"})


@dataclass(frozen=True, slots=True)
class Names:
    """All names of a plugin that is called 'sea-ice'.

    Attributes:
        name: sea_ice: of its entry point, and as a config names the class that a function makes.
        distribution: connect-sea-ice: what pip installs.
        package: connect_sea_ice: what Python imports.
        function: sea_ice.
        cls: SeaIce: what classes begin with.
        title: Sea ice.
    """

    name: str
    distribution: str
    package: str
    function: str
    cls: str
    title: str


def names_of(name: str) -> Names:
    """Return the names of a new plugin.

    Raises:
        ConfigError: plugin.bad_name: it is no name, or means something already; says what.
    """
    words = name.removeprefix("connect-").split("-")
    plain = "-".join(words)
    function = "_".join(words)
    if not _NAME.fullmatch(plain) or len(plain) > _CHARS_MAX:
        raise _bad(name, f"it is to be lower-case words with hyphens, {_CHARS_MAX} characters at most")
    if plain in _RESERVED:
        raise _bad(name, "it is a name of Connect's own")
    if keyword.iskeyword(function) or keyword.issoftkeyword(function) or function in vars(builtins):
        raise _bad(name, f"{function} is a word of Python's, and the plugin's function is to be called so")
    if function in sys.stdlib_module_names:
        raise _bad(name, f"{function} is a module of Python's standard library")
    entries = importlib.metadata.entry_points(group=hooks.ENTRY_POINT_GROUP)
    if any(entry.name == function for entry in entries):
        raise _bad(name, "an installed plugin has it already")
    package = f"connect_{function}"
    if importlib.util.find_spec(package) is not None:
        raise _bad(name, f"a package {package} can be imported here already")
    return Names(
        function,
        f"connect-{plain}",
        package,
        function,
        "".join(word.capitalize() for word in words),
        " ".join(words).capitalize(),
    )


def _bad(name: str, why: str) -> ConfigError:
    return ConfigError(f"a plugin cannot be called {name!r:.80}: {why}", code=BAD_NAME)
