"""The plugin host: finds plugins, keeps what they declare, and resolves the names that configs give.

Plugins come from the entry-point group 'connect' and from the folders of `plugin.path`; bundled ones take the same way
as a stranger's. A plugin that cannot be imported, or declares nonsense, is kept in `broken` by name with its cause, and
the worker runs on: also one that exits, never comes back, or forgot @hookimpl. Each is loaded on a thread of its own;
when all are, their hooks are called together (`hook_calls.py`), so that one may come before others, or wrap them.
"""

from __future__ import annotations

import difflib
import functools
import importlib.metadata
import importlib.util
import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from connect.api import (
    ConfigError,
    ConfigProvider,
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
from connect.runtime.api_version import load_plugin
from connect.runtime.border.calls import aside
from connect.runtime.border.failures import told
from connect.runtime.hook_calls import CLASS_HOOKS, HOOKS, HookCalls, Loaded, functions_of, short_forms_of, unmarked_of
from connect.runtime.model import PluginInfo, PluginKind

logger = logging.getLogger(__name__)

_BASES: Final[dict[str, tuple[type[Plugin], ...]]] = {
    "connect_connectors": (SourceConnector, SinkConnector),
    "connect_converters": (Converter,),
    "connect_header_converters": (HeaderConverter,),
    "connect_transforms": (Transform,),
    "connect_predicates": (Predicate,),
    "connect_config_providers": (ConfigProvider,),
}
assert _BASES.keys() == set(CLASS_HOOKS), "each hook that returns classes says of which kinds"
_SUFFIXES: Final = ("Connector", "Converter", "Transformation")
#: From which ratio on a name is taken for a misspelling of another, the whole of it and what is its own alone.
_MISSPELT: Final = 0.9
_ALIKE: Final = 0.75
_SHARED: Final = re.compile(r"(sink|source)?(connector|converter|transformation)?$")
_KIND_WORDS: Final = {
    PluginKind.SOURCE: "connector",
    PluginKind.SINK: "connector",
    PluginKind.TRANSFORM: "transform",
    PluginKind.PREDICATE: "predicate",
    PluginKind.CONVERTER: "converter",
    PluginKind.HEADER_CONVERTER: "header converter",
    PluginKind.CONFIG_PROVIDER: "config provider",
}
#: How long importing one plugin may take.
IMPORT_TIMEOUT_S: Final = 30.0
CONNECTOR_KINDS: Final = (PluginKind.SOURCE, PluginKind.SINK)
#: What REST lists, as Kafka Connect does.
LISTED_KINDS: Final = tuple(kind for kind in PluginKind if kind is not PluginKind.CONFIG_PROVIDER)


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
    """All plugin classes, by kind and name. Made once at start; what is registered later is added.

    Attributes:
        broken: What was left out.
        calls: The hooks of what was taken; another object once something was registered.
    """

    def __init__(self, *, timeout_s: float = IMPORT_TIMEOUT_S, tells: bool = True) -> None:
        self._timeout_s = timeout_s
        self._tells = tells
        self._loaded: list[Loaded] = []
        self._descs: list[PluginDesc] = []
        self._by_name: dict[tuple[PluginKind, str], PluginDesc] = {}
        self.broken: list[BrokenPlugin] = []
        self.calls = HookCalls([], timeout_s=timeout_s, take=_nothing)

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
        # One look into each distribution: its metadata is parsed anew each time.
        versions: dict[importlib.metadata.Distribution | None, tuple[str, str | None]] = {None: ("entry point", None)}
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.dist is not None and entry.dist not in versions:
                metadata = entry.dist.metadata
                versions[entry.dist] = (f"{metadata['Name']} {metadata['Version']}", metadata["Version"])
            origin, version = versions[entry.dist]
            host._load(entry.name, origin, entry.load, version)
        for folder in plugin_path:
            host._load_folder(Path(folder))
        host._call_hooks()
        return host

    def register(self, plugin: Any, name: str, origin: str = "registered") -> None:
        """Take a plugin module or object. What is wrong with it goes to `broken`. Calls every plugin's hooks again."""
        self._load(name, origin, lambda: plugin)
        self._call_hooks()

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
        """Return the known name that looks most like this one, None where nothing does.

        What all names share, a package and an end such as SinkConnector, makes nobody's name like another's.
        """
        names = [n for (kind, n) in reversed(self._by_name) if kind in kinds]
        names.sort(key=lambda n: ("." in n) == ("." in name))  # of several for one plugin the last counts
        for part, cutoff in ((_simple, _MISSPELT), (_stem, _ALIKE)):
            known = {part(n): n for n in names}
            if close := difflib.get_close_matches(part(name), known, n=1, cutoff=cutoff):
                return known[close[0]]
        return None

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
        def take() -> Loaded | None:
            plugin = load_plugin(name, load)
            functions = functions_of(name, plugin) | short_forms_of(name, plugin)
            if not functions and not (may_be_helper and not _has_classes(plugin, name) and not unmarked_of(plugin)):
                raise PluginError(_registers_nothing(name, plugin))
            own = version or getattr(plugin, "__version__", None)
            return Loaded(name, origin, functions, own if isinstance(own, str) else None) if functions else None

        try:
            # All of it is code of a stranger, who may raise anything, end the process, or never come back.
            loaded = aside(take, self._timeout_s, f"import-{name}")
        except Exception as error:
            logger.debug("plugin %s cannot be loaded", name, exc_info=True)
            self._broken(name, origin, _why(error))
            return
        if loaded is not None and any(other.name == name for other in self._loaded):
            self._broken(name, origin, f"another plugin is named {name}")
        elif loaded is not None:
            self._loaded.append(loaded)

    def _call_hooks(self) -> None:
        """Ask all plugins together for their classes; again without those that fail, until none does."""
        while True:
            taken = _Taken()
            calls = HookCalls(self._loaded, timeout_s=self._timeout_s, take=taken)
            descs = [taken.descs[hook, cls] for hook in CLASS_HOOKS for cls in calls.classes(hook)]
            if not calls.broken:
                break
            for plugin in [plugin for plugin in self._loaded if plugin.name in calls.broken]:
                self._loaded.remove(plugin)
                self._broken(plugin.name, plugin.origin, _why(calls.broken[plugin.name]))
        by_name: dict[tuple[PluginKind, str], PluginDesc] = {}
        for desc in descs:
            for known in taken.names[desc.kind, desc.cls]:
                # The first to claim a name keeps it, so an installed plugin cannot be replaced by accident.
                by_name.setdefault((desc.kind, known), desc)
        self._descs, self._by_name, self.calls = descs, by_name, calls

    def _broken(self, name: str, origin: str, cause: str) -> None:
        self.broken.append(BrokenPlugin(name, origin, cause))
        if self._tells:
            logger.warning("plugin %s (%s) is left out: %s", name, origin, cause)


def _why(error: Exception) -> str:
    return error.message if isinstance(error, PluginError) else told(error)


class _Taken:
    """What plugins returned, class by class: looked at while it may still be told whose it is."""

    def __init__(self) -> None:
        self.descs: dict[tuple[str, type], PluginDesc] = {}
        self.names: dict[tuple[PluginKind, type], tuple[str, ...]] = {}

    def __call__(self, plugin: Loaded, hook: str, classes: Any) -> None:
        """Take what a plugin returned of a hook, or has made of it by wrapping. All of it is code of the plugin's.

        Raises:
            PluginError: It is no list of classes of the hook's kinds.
        """
        for desc in _descs(plugin.name, hook, _BASES[hook], classes, plugin.origin):
            if (hook, desc.cls) not in self.descs:
                if plugin.version is not None:
                    _give_version(desc.cls, plugin.version)
                self.names[desc.kind, desc.cls] = tuple(desc.names())
                self.descs[hook, desc.cls] = desc


def _registers_nothing(name: str, plugin: Any) -> str:
    unmarked = unmarked_of(plugin)
    if unmarked:
        return (
            f"plugin {name} defines {unmarked[0]} without @hookimpl, so it registers nothing: write @hookimpl above it"
        )
    return (
        f"plugin {name} registers no hook; expected a function with @source, @sink or @transform, or one with "
        f"@hookimpl: one of {', '.join(HOOKS)}"
    )


def _has_classes(plugin: Any, name: str) -> bool:
    """Whether a module makes plugin classes of its own; one that does not is a part of another plugin."""
    bases = tuple(base for bases in _BASES.values() for base in bases)
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


def _descs(name: str, hook: str, bases: tuple[type[Plugin], ...], classes: Any, origin: str) -> Iterator[PluginDesc]:
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
    ConfigProvider: PluginKind.CONFIG_PROVIDER,
}


def _nothing(plugin: Loaded, hook: str, classes: Any) -> None:
    """Of no plugin at all there is nothing to take."""


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


def _simple(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _stem(name: str) -> str:
    """Return what is a plugin's own of a name: no package, no end that says its kind, in small letters."""
    return _SHARED.sub("", _simple(name), count=1)
