"""The plugin host: finds plugins, keeps what they declare, and resolves the names that configs give.

Plugins come from the entry-point group 'connect' and from the folders of `plugin.path`; bundled ones take the same way
as a stranger's. A plugin that cannot be imported, or declares nonsense, is kept in `broken` by name with its cause, and
the worker runs on: also one that exits, never comes back, or forgot @hookimpl. Each is loaded on a thread of its own;
when all are, their hooks are called together (`hook_calls.py`), so that one may come before others, or wrap them.
A start is the first look; `PluginHost.refresh` looks again while the worker runs (`plugin_sources.py` says at what).
"""

from __future__ import annotations

import copy
import difflib
import functools
import importlib
import logging
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
)
from connect.runtime.api_version import load_plugin
from connect.runtime.border.calls import aside
from connect.runtime.border.failures import told
from connect.runtime.hook_calls import CLASS_HOOKS, HOOKS, HookCalls, Loaded, functions_of, short_forms_of, unmarked_of
from connect.runtime.model import PluginInfo, PluginKind
from connect.runtime.plugin_clashes import without_clashes
from connect.runtime.plugin_sources import (
    NoFolder,
    Paths,
    Source,
    Swap,
    add_to_path,
    forget_bytecode,
    outdated,
    scan,
    source_of,
)
from connect.runtime.processes.apart import plugin_of
from connect.runtime.processes.environments import has_requirements
from connect.runtime.processes.settings import ProcessSettings

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
#: How often plugins are loaded whose files change meanwhile.
_ATTEMPTS: Final = 3
CONNECTOR_KINDS: Final = (PluginKind.SOURCE, PluginKind.SINK)
#: What REST lists, as Kafka Connect does.
LISTED_KINDS: Final = tuple(kind for kind in PluginKind if kind is not PluginKind.CONFIG_PROVIDER)


@dataclass(frozen=True, slots=True)
class PluginDesc:
    """An installed plugin class: its name in configs and REST, its kind, and where it came from."""

    cls: type[Plugin]
    kind: PluginKind
    origin: str
    #: The name of the plugin that has it: an entry point's, or a module's.
    plugin: str = ""

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


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a look for plugins has found, by the plugins' names.

    Attributes:
        changed: Taken anew. Those whose new form was not taken are in `broken`, and go on as they were.
        broken: What is left out now, whether it is new or not.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    broken: tuple[BrokenPlugin, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tried:
    """A source that was looked at, and what came of it."""

    source: Source
    loaded: Loaded | None = None
    broken: BrokenPlugin | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """All that is known of plugins at one time. Is replaced as one, since other threads look at it."""

    loaded: tuple[Loaded, ...]
    descs: tuple[PluginDesc, ...]
    by_name: Mapping[tuple[PluginKind, str], PluginDesc]
    calls: HookCalls
    broken: tuple[BrokenPlugin, ...] = ()
    #: Of plugins that were removed: who had a name.
    gone: Mapping[str, str] = field(default_factory=dict)


class PluginHost:
    """All plugin classes, by kind and name. What is there at the start, and what `refresh` and `register` add.

    What it tells may be asked from any thread, and is of one moment.

    Attributes:
        processes: What the worker says of plugins in processes of their own.
    """

    def __init__(
        self,
        folders: Sequence[str | Path] = (),
        *,
        timeout_s: float = IMPORT_TIMEOUT_S,
        tells: bool = True,
        processes: ProcessSettings | None = None,
    ) -> None:
        self.processes = processes or ProcessSettings()
        self.folders = tuple(Path(folder) for folder in folders)
        self.timeout_s = timeout_s
        self._tells = tells
        self._lock = threading.Lock()
        self._paths: Paths | None = None
        self._tried: dict[tuple[str, str], _Tried] = {}
        self._registered: list[Loaded] = []
        self._refused: list[BrokenPlugin] = []
        self._known = _Known((), (), {}, HookCalls([], timeout_s=timeout_s, take=_nothing))

    @property
    def broken(self) -> Sequence[BrokenPlugin]:
        """What was left out."""
        return [*self._known.broken]

    @property
    def calls(self) -> HookCalls:
        """The hooks of what was taken; another object once something has changed."""
        return self._known.calls

    @classmethod
    def discover(
        cls,
        plugin_path: Sequence[str | Path] = (),
        *,
        timeout_s: float = IMPORT_TIMEOUT_S,
        tells: bool = True,
        processes: ProcessSettings | None = None,
    ) -> PluginHost:
        """Load every plugin there is. Reads the disk and runs plugins' imports: seconds if a plugin is slow.

        Args:
            timeout_s: How long each may take; one that takes longer is left out.
            tells: Log what is left out, for callers that do not show `broken` themselves.
            processes: What the worker says of plugins in processes of their own.
        """
        host = cls(plugin_path, timeout_s=timeout_s, tells=tells, processes=processes)
        host.refresh()
        return host

    @classmethod
    def of_modules(cls, modules: Sequence[Path], *, timeout_s: float = IMPORT_TIMEOUT_S) -> PluginHost:
        """Load plugins from the files of their modules, and no other: in a process of their own."""
        host = cls(timeout_s=timeout_s, tells=False)
        for tried in [host._try(source_of(module)) for module in modules]:
            if tried.loaded is not None:
                host._registered.append(tried.loaded)
            if tried.broken is not None:
                host._refused.append(tried.broken)
        host._settle({}, {}, (), None)
        return host

    def snapshot(self) -> PluginHost:
        """Return what is known now, for who is to see no change of it: an instance and its tasks."""
        return copy.copy(self)  # what is known is one object, which is replaced here and not there

    def refresh(self, *, retry: bool = True) -> Refreshed:
        """Look again what plugins there are, and take what is new or has changed, as a start would; what is gone is
        left out from now on. A plugin is taken whole or not at all: one that cannot be loaded any more stays as it was.
        The bundled ones stay in any case.

        Reads the disk and runs plugins' imports, each under a deadline: not for the event loop. One call after another.

        Args:
            retry: Try again, too, what could not be loaded before and has not changed.
        """
        with self._lock:
            for _ in range(_ATTEMPTS):
                told, is_moving = self._look(retry=retry)
                if not is_moving:
                    break
            return told

    def register(self, plugin: Any, name: str, origin: str = "registered") -> None:
        """Take a plugin module or object. What is wrong with it goes to `broken`. Calls every plugin's hooks again."""
        self.take(name, origin, lambda: plugin)

    def take(self, name: str, origin: str, load: Callable[[], Any], version: str | None = None) -> None:
        """Take what `load` imports, as an entry point's is; as `register`."""
        with self._lock:
            tried = self._try(Source(name, name, origin, name, {}, load, version, is_installed=True))
            if tried.loaded is not None and any(other.name == name for other in self._known.loaded):
                tried = _Tried(tried.source, None, BrokenPlugin(name, origin, f"another plugin is named {name}"))
            if tried.broken is not None:
                self._refused.append(tried.broken)
            if tried.loaded is not None:
                self._registered.append(tried.loaded)
            self._settle(dict(self._tried), {}, (), None)

    def find(self, name: str, *kinds: PluginKind) -> PluginDesc | None:
        """Return the plugin of this name among the kinds, None if there is none."""
        return next((d for kind in kinds if (d := self._known.by_name.get((kind, name)))), None)

    def resolve(self, name: str, *kinds: PluginKind, config_path: str | None = None) -> PluginDesc:
        """Return the plugin of this name among the kinds.

        Raises:
            ConfigError: config.unknown_class; names what was asked, the nearest known names, and broken plugins.
        """
        found = self.find(name, *kinds)
        if found is not None:
            return found
        if name in self._known.gone:
            raise ConfigError(
                f"Failed to find any class that implements {_KIND_WORDS[kinds[0]]} and which name matches {name}; the "
                f"plugin that had it is gone, or has it no more: {self._known.gone[name]}",
                code="config.unknown_class",
                config_path=config_path,
            )
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
        names = [n for (kind, n) in reversed(list(self._known.by_name)) if kind in kinds]
        names.sort(key=lambda n: ("." in n) == ("." in name))  # of several for one plugin the last counts
        for part, cutoff in ((_simple, _MISSPELT), (_stem, _ALIKE)):
            known = {part(n): n for n in names}
            if close := difflib.get_close_matches(part(name), known, n=1, cutoff=cutoff):
                return known[close[0]]
        return None

    def list(self, *kinds: PluginKind) -> list[PluginDesc]:
        """Return the plugins of these kinds (all when none is named), in REST's order."""
        order = list(PluginKind)
        chosen = [d for d in self._known.descs if not kinds or d.kind in kinds]
        return sorted(chosen, key=lambda d: (order.index(d.kind), d.name))

    def of_plugin(self, name: str) -> Sequence[PluginDesc]:
        """Return the classes of a plugin, by its name or that of its distribution; none where there is none."""
        origins = {loaded.origin for loaded in self._known.loaded if loaded.name == name}
        return [d for d in self._known.descs if d.origin in origins or d.origin.rpartition(" ")[0] == name]

    def any(self, name: str) -> PluginDesc:
        """Return the plugin of this name, whatever its kind.

        Raises:
            NotFoundError: plugin.missing, with why it could not be loaded, or with the nearest known name.
        """
        found = self.find(name, *PluginKind)
        if found is None:
            for broken in self.broken:
                if broken.name in (name, name.partition(".")[0]):
                    raise NotFoundError(
                        f"Plugin {broken.name} could not be loaded: {broken.cause}",
                        code="plugin.missing",
                        hint="Mend what the message names, or install what it asks for.",
                    )
            near = self.nearest(name, *PluginKind)
            hint = f"Did you mean {near}?" if near else None
            raise NotFoundError(f"Unknown plugin {name}.", code="plugin.missing", hint=hint)
        return found

    # -- loading ---------------------------------------------------------------------------------------------------

    def _look(self, *, retry: bool) -> tuple[Refreshed, bool]:
        """Look once; say also whether files changed meanwhile, so that it is to be done again."""
        before = self._tried
        if self._paths is None:
            self._paths = Paths()
        else:  # what was installed since is not in the caches of this process
            importlib.invalidate_caches()
            aside(self._paths.read, self.timeout_s, "read-pth-files")
        found = without_clashes(scan(self.folders, self._apart))
        sources = [s for s in found if isinstance(s, Source) and not s.is_bundled]
        # The bundled ones are those of the start: what an update has put in their place belongs to another worker.
        bundled = [t.source for t in before.values() if t.source.is_bundled] if before else _bundled(found)
        installed = sorted((*bundled, *(s for s in sources if s.is_installed)), key=lambda s: s.name)
        sources = [*installed, *(s for s in sources if not s.is_installed)]
        stale = outdated([tried.source for tried in before.values()], sources)
        roots = stale | {t.source.root for t in before.values() if retry and t.broken is not None}
        for folder in self.folders:  # so that a plugin of several modules can import its own parts
            add_to_path(folder)
        no_folders = [s for s in found if isinstance(s, NoFolder)]
        with Swap(roots, [tried.source for tried in before.values()]) as swap:
            tried = self._load_all(sources, roots, stale, before, swap)
            again = without_clashes(scan(self.folders, self._apart)) if before else sources
            after = [s for s in again if isinstance(s, Source)]
            sources = _with_data_of(tried, roots, after)
            moving = before and outdated(sources, after)
            for one in [one for one in tried.values() if moving and one.source.root in moving & roots]:
                _fail(tried, before, swap, one.source, "its files change while it is loaded")
            told = self._settle(tried, before, no_folders, swap)
        return told, bool(moving)

    def _load_all(
        self,
        sources: Sequence[Source],
        roots: Collection[str],
        stale: Collection[str],
        before: Mapping[tuple[str, str], _Tried],
        swap: Swap,
    ) -> dict[tuple[str, str], _Tried]:
        tried: dict[tuple[str, str], _Tried] = {}
        failed: list[tuple[Source, str]] = []
        for source in sources:
            old = before.get(source.key)
            # One that hangs is not begun a second time while it does.
            if old is not None and (source.root not in roots or (source.root not in stale and _is_importing(source))):
                tried[source.key] = old
                continue
            if source.load is not None and any(t.loaded and t.source.name == source.name for t in tried.values()):
                broken = BrokenPlugin(source.name, source.origin, f"another plugin is named {source.name}")
                tried[source.key] = _Tried(source, None, broken)
                continue
            if before:
                forget_bytecode(None if old is None else old.source, source)
            new = tried[source.key] = self._try(source, swap)
            if new.broken is not None:
                failed.append((source, new.broken.cause))
        for source, cause in failed:
            _fail(tried, before, swap, source, cause)
        return tried

    def _apart(self, folder: Path) -> tuple[Callable[[], Any], float] | None:
        """Return what takes the plugins of a folder with requirements, and how long it may take; None for others."""
        if not has_requirements(folder):
            return None
        settings = self.processes
        return functools.partial(plugin_of, folder, settings), settings.install_s + self.timeout_s

    def _try(self, source: Source, swap: Swap | None = None) -> _Tried:
        """Import a plugin. All of it is code of a stranger, who may raise anything, end the process, or never come
        back."""
        name, load = source.name, source.load
        if load is None:
            return _Tried(source)

        def take() -> Loaded | None:
            plugin = load_plugin(name, load)
            functions = functions_of(name, plugin) | short_forms_of(name, plugin)
            may_be_helper = not source.is_installed and isinstance(plugin, ModuleType)
            if not functions and not (may_be_helper and not _has_classes(plugin, name) and not unmarked_of(plugin)):
                raise PluginError(_registers_nothing(name, plugin))
            own = source.version or getattr(plugin, "__version__", None)
            version = own if isinstance(own, str) else None
            return Loaded(name, source.origin, functions, version) if functions else None

        try:
            if swap is not None:
                swap.check(source.root)
            return _Tried(source, aside(take, source.limit_s or self.timeout_s, f"import-{name}"))
        except Exception as error:
            logger.debug("plugin %s cannot be loaded", name, exc_info=True)
            return _Tried(source, None, BrokenPlugin(name, source.origin, _why(error)))

    def _settle(
        self,
        tried: dict[tuple[str, str], _Tried],
        before: Mapping[tuple[str, str], _Tried],
        no_folders: Sequence[NoFolder],
        swap: Swap | None,
    ) -> Refreshed:
        """Ask all plugins together for their classes; again without the new form of those that fail, until none does.
        Then what was found is what is known."""
        while True:
            loaded = [one.loaded for one in tried.values() if one.loaded is not None] + self._registered
            taken = _Taken()
            calls = HookCalls(loaded, timeout_s=self.timeout_s, take=taken)
            descs = [taken.descs[hook, cls] for hook in CLASS_HOOKS for cls in calls.classes(hook)]
            if not calls.broken:
                break
            for name, error in calls.broken.items():
                self._refuse(name, _why(error), tried, before, swap)
        by_name: dict[tuple[PluginKind, str], PluginDesc] = {}
        for desc in descs:
            for known in taken.names[desc.kind, desc.cls]:
                # The first to claim a name keeps it, so an installed plugin cannot be replaced by accident.
                by_name.setdefault((desc.kind, known), desc)
        no_folder = [BrokenPlugin(f.path.name, str(f.path), f"plugin.path names {f.path}, {f.why}") for f in no_folders]
        broken = (*no_folder, *(t.broken for t in tried.values() if t.broken is not None), *self._refused)
        for one in broken if self._tells else ():
            if one not in self._known.broken:
                logger.warning("plugin %s (%s) is left out: %s", one.name, one.origin, one.cause)
        gone = {**self._known.gone}
        for desc in self._known.descs:
            gone |= dict.fromkeys(desc.names(), desc.origin)
        self._known = _Known(tuple(loaded), tuple(descs), by_name, calls, broken, gone)
        self._tried = tried
        had = {t.source.name: t.loaded for t in before.values() if t.loaded is not None}
        has = {t.source.name: t.loaded for t in tried.values() if t.loaded is not None}
        return Refreshed(
            tuple(sorted(has.keys() - had.keys())),
            tuple(sorted(name for name in has.keys() & had.keys() if has[name] is not had[name])),
            tuple(sorted(had.keys() - has.keys())),
            broken,
        )

    def _refuse(
        self,
        name: str,
        cause: str,
        tried: dict[tuple[str, str], _Tried],
        before: Mapping[tuple[str, str], _Tried],
        swap: Swap | None,
    ) -> None:
        """Leave out a plugin whose hooks fail."""
        for plugin in [plugin for plugin in self._registered if plugin.name == name]:
            self._registered.remove(plugin)
            self._refused.append(BrokenPlugin(name, plugin.origin, cause))
        for one in [one for one in tried.values() if one.loaded is not None and one.loaded.name == name]:
            _fail(tried, before, swap, one.source, cause)


def _bundled(found: Sequence[Source | NoFolder]) -> list[Source]:
    return [source for source in found if isinstance(source, Source) and source.is_bundled]


def _is_importing(source: Source) -> bool:
    return any(thread.name == f"connect-import-{source.name}" for thread in threading.enumerate())


def _with_data_of(
    tried: dict[tuple[str, str], _Tried], roots: Collection[str], after: Sequence[Source]
) -> list[Source]:
    """Take what lies beside the code as it is once it was imported, and return what was tried: a plugin that writes
    into its own folder has not changed by that."""
    later = {source.key: source for source in after}
    for key, one in tried.items():
        new = later.get(key)
        if one.source.root in roots and new is not None and new.code == one.source.code:
            tried[key] = replace(one, source=replace(one.source, files=new.files))
    return [one.source for one in tried.values()]


def _fail(
    tried: dict[tuple[str, str], _Tried],
    before: Mapping[tuple[str, str], _Tried],
    swap: Swap | None,
    source: Source,
    cause: str,
) -> None:
    """Note why a plugin is not taken, and go on with what it was before, if it was anything: with all plugins that are
    made of the same modules, so that none is half old and half new."""
    failed = tried[source.key].loaded
    for key, one in list(tried.items()):
        if one.source.root != source.root or (one.source.key != source.key and one.source.home != source.home):
            continue
        old = before.get(key)
        was = old.loaded if old is not None and old.loaded is not failed else None
        if one.source.key == source.key:
            told = cause if was is None else f"{cause}; what was loaded before goes on"
            tried[key] = _Tried(one.source, was, BrokenPlugin(source.name, source.origin, told))
        elif was is not None:
            tried[key] = _Tried(one.source, was, one.broken)
    if swap is not None:
        swap.give_back(source.root)


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
        yield PluginDesc(cls, _KIND_OF[base], origin, name)


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


def _simple(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _stem(name: str) -> str:
    """Return what is a plugin's own of a name: no package, no end that says its kind, in small letters."""
    return _SHARED.sub("", _simple(name), count=1)
