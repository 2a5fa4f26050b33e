"""The plugin host: finds plugins, keeps what they declare, and resolves the names that configs give.

Plugins come from the entry-point group 'connect' and from the folders of `plugin.path`; bundled ones take the same way
as a stranger's. A plugin that cannot be imported, or declares nonsense, is kept in `broken` by name with its cause, and
the worker runs on: also one that exits, never comes back, or forgot @hookimpl. Each is loaded on a thread of its own.
"""

from __future__ import annotations

import difflib
import functools
import importlib.metadata
import importlib.util
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pluggy

from connect.api import (
    ConfigError,
    Connector,
    Converter,
    HeaderConverter,
    NotFoundError,
    Plugin,
    PluginError,
    Predicate,
    SinkConnector,
    SourceConnector,
    Transform,
    hooks,
)
from connect.runtime.border.calls import aside, told
from connect.runtime.model import PluginInfo, PluginKind

logger = logging.getLogger(__name__)

_HOOKS: Final[dict[str, tuple[type[Plugin], ...]]] = {
    "connect_connectors": (SourceConnector, SinkConnector),
    "connect_converters": (Converter,),
    "connect_header_converters": (HeaderConverter,),
    "connect_transforms": (Transform,),
    "connect_predicates": (Predicate,),
}
_SUFFIXES: Final = ("Connector", "Converter", "Transformation")
_KIND_WORDS: Final = {
    PluginKind.SOURCE: "connector",
    PluginKind.SINK: "connector",
    PluginKind.TRANSFORM: "transform",
    PluginKind.PREDICATE: "predicate",
    PluginKind.CONVERTER: "converter",
    PluginKind.HEADER_CONVERTER: "header converter",
}
#: How long importing one plugin may take.
IMPORT_TIMEOUT_S: Final = 30.0
CONNECTOR_KINDS: Final = (PluginKind.SOURCE, PluginKind.SINK)


@dataclass(frozen=True, slots=True)
class PluginDesc:
    """An installed plugin class: its name in configs and REST, its kind, and where it came from."""

    cls: type[Plugin]
    kind: PluginKind
    origin: str

    @property
    def name(self) -> str:
        """The class name that REST shows."""
        return self.cls.plugin_name()

    def names(self) -> Iterator[str]:
        """Yield every name that a config may give, the exact ones first."""
        full = [self.name, *self.cls.aliases, f"{self.cls.__module__}.{self.cls.__qualname__}"]
        yield from full
        for name in full:
            simple = name.rpartition(".")[2]
            yield simple
            for suffix in _SUFFIXES:
                if simple.endswith(suffix) and simple != suffix:
                    yield simple.removesuffix(suffix)

    @property
    def info(self) -> PluginInfo:
        """The shape that REST lists."""
        return PluginInfo(self.name, self.kind, self.cls.version)


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that could not be taken, and why."""

    name: str
    origin: str
    cause: str


class PluginHost:
    """All plugin classes, by kind and name. Made once at start; not changed afterwards."""

    def __init__(self, *, timeout_s: float = IMPORT_TIMEOUT_S, tells: bool = True) -> None:
        self._timeout_s = timeout_s
        self._tells = tells
        self._manager = pluggy.PluginManager(hooks.PROJECT)
        self._manager.add_hookspecs(hooks)
        self._descs: list[PluginDesc] = []
        self._by_name: dict[tuple[PluginKind, str], PluginDesc] = {}
        self.broken: list[BrokenPlugin] = []

    @classmethod
    def discover(
        cls,
        plugin_path: Sequence[str | Path] = (),
        *,
        timeout_s: float = IMPORT_TIMEOUT_S,
        tells: bool = True,
    ) -> PluginHost:
        """Load every plugin there is. Reads the disk and runs plugins' imports: seconds if a plugin is slow.

        Args:
            timeout_s: How long each may take; one that takes longer is left out.
            tells: Log what is left out, for callers that do not show `broken` themselves.
        """
        host = cls(timeout_s=timeout_s, tells=tells)
        entries = importlib.metadata.entry_points(group=hooks.ENTRY_POINT_GROUP)
        for entry in sorted(entries, key=lambda e: e.name):
            origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "entry point"
            host._load(entry.name, origin, entry.load, entry.dist.version if entry.dist else None)
        for folder in plugin_path:
            host._load_folder(Path(folder))
        return host

    def register(self, plugin: Any, name: str, origin: str = "registered") -> None:
        """Take a plugin module or object. What is wrong with it goes to `broken`."""
        self._load(name, origin, lambda: plugin)

    def find(self, name: str, *kinds: PluginKind) -> PluginDesc | None:
        """Return the plugin of this name among the kinds, None if there is none."""
        return next((d for kind in kinds if (d := self._by_name.get((kind, name)))), None)

    def resolve(self, name: str, *kinds: PluginKind, config_path: str | None = None) -> PluginDesc:
        """Return the plugin of this name among the kinds.

        Raises:
            ConfigError: config.unknown_class; names what was asked, the nearest known names, and broken plugins.
        """
        found = self.find(name, *kinds)
        if found is not None:
            return found
        word = _KIND_WORDS[kinds[0]]
        near = self.nearest(name, *kinds)
        known = f"; did you mean {near}?" if near else f"; known are {', '.join(d.name for d in self.list(*kinds))}"
        broken = "".join(f"; plugin {b.name} could not be loaded: {b.cause}" for b in self.broken)
        raise ConfigError(
            f"Failed to find any class that implements {word} and which name matches {name}{known}{broken}",
            code="config.unknown_class",
            config_path=config_path,
        )

    def nearest(self, name: str, *kinds: PluginKind) -> str | None:
        """Return the known name that looks most like this one, None where nothing does."""
        known = {n.lower(): n for (kind, n) in self._by_name if kind in kinds}
        close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
        return known[close[0]] if close else None

    def list(self, *kinds: PluginKind) -> list[PluginDesc]:
        """Return the plugins of these kinds (all when none is named), in REST's order."""
        order = list(PluginKind)
        chosen = [d for d in self._descs if not kinds or d.kind in kinds]
        return sorted(chosen, key=lambda d: (order.index(d.kind), d.name))

    def any(self, name: str) -> PluginDesc:
        """Return the plugin of this name, whatever its kind.

        Raises:
            NotFoundError: plugin.missing, with the nearest known name.
        """
        found = self.find(name, *PluginKind)
        if found is None:
            near = self.nearest(name, *PluginKind)
            hint = f"Did you mean {near}?" if near else None
            raise NotFoundError(f"Unknown plugin {name}.", code="plugin.missing", hint=hint)
        return found

    # -- loading ---------------------------------------------------------------------------------------------------

    def _load_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            self._broken(folder.name, str(folder), f"plugin.path names {folder}, which is no folder")
            return
        # On the path, so that a plugin of several modules can import its own parts.
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        for path in sorted(folder.iterdir()):
            module = path if path.suffix == ".py" else path / "__init__.py"
            if module.is_file() and not path.name.startswith(("_", ".")):
                load = functools.partial(_import_file, path.stem, module)
                self._load(path.stem, str(path), load, may_be_helper=True)

    def _load(
        self,
        name: str,
        origin: str,
        load: Callable[[], Any],
        version: str | None = None,
        *,
        may_be_helper: bool = False,
    ) -> None:
        def take() -> tuple[Any, list[tuple[PluginDesc, tuple[str, ...]]]]:
            plugin = load()
            self._manager.register(plugin, name)
            self._check_hooks(name, plugin)
            found = _found(name, origin, plugin, may_be_helper=may_be_helper)
            own = version or getattr(plugin, "__version__", None)
            if isinstance(own, str):
                for desc, _ in found:
                    _give_version(desc.cls, own)
            return plugin, found

        try:
            # All of it is code of a stranger, who may raise anything, end the process, or never come back.
            _, found = aside(take, self._timeout_s, f"import-{name}")
        except Exception as error:
            logger.debug("plugin %s cannot be loaded", name, exc_info=True)
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            self._broken(name, origin, _why(error))
            return
        for desc, names in found:
            self._descs.append(desc)
            for known in names:
                # The first to claim a name keeps it, so an installed plugin cannot be replaced by accident.
                self._by_name.setdefault((desc.kind, known), desc)

    def _check_hooks(self, name: str, plugin: Any) -> None:
        """Refuse a hook of an unknown name: pluggy's own words name neither those that there are nor the nearest."""
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            unknown = [hook.name for hook in self._manager.get_hookcallers(plugin) or () if not hook.has_spec()]
            if not unknown:
                raise
            near = difflib.get_close_matches(unknown[0], _HOOKS, n=1)
            meant = f"did you mean {near[0]}?" if near else f"the hooks are {', '.join(_HOOKS)}"
            raise PluginError(f"plugin {name} has @hookimpl above {unknown[0]}, which is no hook; {meant}") from error

    def _broken(self, name: str, origin: str, cause: str) -> None:
        self.broken.append(BrokenPlugin(name, origin, cause))
        if self._tells:
            logger.warning("plugin %s (%s) is left out: %s", name, origin, cause)


def _why(error: Exception) -> str:
    return error.message if isinstance(error, PluginError) else told(error)


def _found(name: str, origin: str, plugin: Any, *, may_be_helper: bool) -> list[tuple[PluginDesc, tuple[str, ...]]]:
    """Return what a plugin declares, with every name; refuse what looks like a plugin and registers nothing."""
    hooks_found = 0
    found = []
    for hook, bases in _HOOKS.items():
        implementation = getattr(plugin, hook, None)
        if implementation is None:
            continue
        if getattr(implementation, f"{hooks.PROJECT}_impl", None) is None:
            raise PluginError(
                f"plugin {name} defines {hook} without @hookimpl, so it registers nothing: write @hookimpl above it"
            )
        hooks_found += 1
        found += [(desc, tuple(desc.names())) for desc in _descs(name, hook, bases, implementation(), origin)]
    if not hooks_found and (not may_be_helper or _has_classes(plugin, name)):
        raise PluginError(
            f"plugin {name} registers no hook; expected a function with @hookimpl: one of {', '.join(_HOOKS)}"
        )
    return found


def _has_classes(plugin: Any, name: str) -> bool:
    """Whether a module makes plugin classes of its own; one that does not is a part of another plugin."""
    bases = tuple(base for bases in _HOOKS.values() for base in bases)
    return any(isinstance(v, type) and issubclass(v, bases) and v.__module__ == name for v in vars(plugin).values())


def _check_class(name: str, cls: type[Plugin]) -> None:
    """Refuse class attributes that everybody reads and that are not what they should be."""
    wanted = {"version": str, "class_name": str | None, "aliases": tuple | list, "config_class": type}
    for attribute, kind in wanted.items():
        value = getattr(cls, attribute)
        if not isinstance(value, kind):
            shown = getattr(kind, "__name__", str(kind))
            raise PluginError(
                f"plugin {name}: {cls.__qualname__}.{attribute} is {type(value).__name__}; expected {shown}"
            )
    if not all(isinstance(alias, str) for alias in cls.aliases):
        raise PluginError(f"plugin {name}: {cls.__qualname__}.aliases holds what is no text")


def _descs(name: str, hook: str, bases: tuple[type[Plugin], ...], classes: Any, origin: str) -> Iterable[PluginDesc]:
    if not isinstance(classes, list | tuple):
        raise PluginError(f"plugin {name}: {hook} must return a list of classes, not {type(classes).__name__}")
    for cls in classes:
        base = next((b for b in bases if isinstance(cls, type) and issubclass(cls, b)), None)
        if base is None:
            wanted = " or ".join(b.__name__ for b in bases)
            if isinstance(cls, bases):
                raise PluginError(
                    f"plugin {name}: {hook} returned an instance of {type(cls).__qualname__}; expected the class itself"
                )
            raise PluginError(f"plugin {name}: {hook} returned {cls!r}, which is no subclass of {wanted}")
        if issubclass(cls, Connector) and not hasattr(cls, "task_class"):
            raise PluginError(f"plugin {name}: connector {cls.__qualname__} names no task_class")
        _check_class(name, cls)
        cls.config_class.keys()  # a declaration that cannot be read is found here, not at the first request
        yield PluginDesc(cls, _KIND_OF[base], origin)


class _GivenVersion(str):
    """A version that a class has from its distribution, and has not declared."""

    __slots__ = ()


def _give_version(cls: type[Plugin], version: str) -> None:
    """Let a class that declares no version, nor inherits a declared one, show that of its distribution or module."""
    found = [vars(base)["version"] for base in cls.__mro__ if base is not Plugin and "version" in vars(base)]
    if all(isinstance(one, _GivenVersion) for one in found):
        cls.version = _GivenVersion(version)


_KIND_OF: Final[dict[type[Plugin], PluginKind]] = {
    SourceConnector: PluginKind.SOURCE,
    SinkConnector: PluginKind.SINK,
    Converter: PluginKind.CONVERTER,
    HeaderConverter: PluginKind.HEADER_CONVERTER,
    Transform: PluginKind.TRANSFORM,
    Predicate: PluginKind.PREDICATE,
}


def _import_file(name: str, path: Path) -> ModuleType:
    locations = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=locations)
    assert spec is not None, f"{path} is a Python file"
    assert spec.loader is not None, f"{path} is a Python file"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
