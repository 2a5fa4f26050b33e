"""Whether a plugin and this version of the API go together: by what the plugin says it needs, and what it imports."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable
from typing import Any, Final

from connect.api import VERSION, PluginError, register_code

ATTRIBUTE: Final = "__connect_api__"
API_VERSION: Final = register_code(
    "plugin.api_version",
    "A plugin needs another version of connect.api than this one.",
    "Install the version of connect-runtime, or of the plugin, that the message asks for.",
)
_VERSION: Final = re.compile(r"(\d+)\.(\d+)", re.ASCII)
#: How much a name has to look like another one to be taken for a slip of the hand.
_MISSPELT: Final = 0.8
_UPDATE: Final = "update connect-runtime or the plugin"
_MISSING: Final = re.compile(r"cannot import name '(\w+)'")


def load_plugin(name: str, load: Callable[[], Any]) -> Any:
    """Return what `load` gives: a plugin's module or object, which goes together with this version of the API.

    Raises:
        PluginError: plugin.api_version: it needs another one, or imports from the API what this one does not have.
            plugin.broken: what it says it needs is no version.
    """
    try:
        plugin = load()
    except ImportError as error:
        raise _of_import(name, error) from error
    check(name, getattr(plugin, ATTRIBUTE, None))
    return plugin


def check(name: str, needed: object, have: str = VERSION) -> None:
    """Refuse a plugin that needs another major version of the API, or a later minor one; None needs none.

    Raises:
        PluginError: As `load_plugin`.
    """
    if needed is None:
        return
    match = _VERSION.fullmatch(needed) if isinstance(needed, str) else None
    if match is None:
        raise PluginError(
            f"plugin {name}: {ATTRIBUTE} is {needed!r:.60}; expected the version of connect.api that it needs, "
            f"as text: {have!r}"
        )
    major, minor = map(int, match.groups())
    ours = tuple(map(int, have.split(".")))
    if (major, minor) > ours:
        raise PluginError(
            f"plugin {name} needs version {needed} of connect.api, and this is {have}; update connect-runtime",
            code=API_VERSION,
        )
    if major < ours[0]:
        raise PluginError(
            f"plugin {name} is written for version {needed} of connect.api, and this is {have}; update the plugin",
            code=API_VERSION,
        )


def _of_import(name: str, error: ImportError) -> ImportError | PluginError:
    module, missing = error.name or "", _MISSING.match(str(error))
    if not f"{module}.".startswith("connect.api."):
        return error
    if isinstance(error, ModuleNotFoundError):
        what, kind, near = module, "module", []
    elif missing is not None:
        what, kind, near = f"{missing[1]} from {module}", "name", _near(missing[1], module)
    else:
        return error
    return PluginError(
        f"plugin {name} imports {what}, and version {VERSION} of the API has no such {kind}; "
        + (f"did you mean {', '.join(near)}? Else update connect-runtime or the plugin" if near else _UPDATE),
        code=API_VERSION,
    )


def _near(name: str, module: str) -> list[str]:
    """Return the module's names that look most like this one, or end with it."""
    known = sorted(getattr(sys.modules.get(module), "__all__", ()))
    return difflib.get_close_matches(name, known, n=1, cutoff=_MISSPELT) or [k for k in known if k.endswith(name)]
