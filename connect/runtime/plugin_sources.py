"""Where plugins come from: entry points of installed distributions and folders of `plugin.path`; and their modules.

Theory of operation. A plugin's own modules are those below one root: the module or package that a folder holds, or the
one that an entry point leads to. `scan` says of each what its files are, by time and size, so that a second look tells
which have changed, and `outdated` adds those that import what has changed. Their modules are taken out of `sys.modules`
together (`Swap`) and imported anew; where that fails, the old ones are put back, whole. Objects of old modules go on
as they are: who runs them has them.

The bundled plugins are one with the worker: they change with a new start alone. So are libraries that plugins share.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import itertools
import logging
import os
import re
import site
import stat
import sys
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn

from connect.api import PluginError, hooks

logger = logging.getLogger(__name__)

#: The distribution whose plugins come with the worker.
OURS: Final = "connect-runtime"
#: What tells that a file has changed, by its path: in ns when it and its inode last did, which a copy that keeps times
#: does not hide, and its size in bytes.
Files = Mapping[str, tuple[int, int, int]]
#: How many files of one plugin, and how many folders, are looked at.
_FILES_MAX: Final = 50_000
#: Roots that were imported from folders by this process, and from which file: these are plugins', and may be imported
#: anew.
_FROM_FOLDERS: Final[dict[str, str]] = {}
#: Modules that were so imported: another may take the place of one of these, whichever of them is there.
_OURS: Final[weakref.WeakSet[ModuleType]] = weakref.WeakSet()
#: Folders of `plugin.path` that are in `sys.path`, as they are written there.
_FOLDERS: Final[set[str]] = set()
#: What editors and copies leave beside files, or make for a moment; and what is compiled.
_PASSING: Final = re.compile(r"\.|#.*#$|4913$|.*(~|\.sw[a-p]|\.tmp|\.bak|\.pyc)$", re.S)
#: What an import looks like, and what of a plugin's code may be one by a function: `import_module`, `__import__`.
_IMPORTS: Final = re.compile(rb"\bfrom\b|import")


@dataclass(frozen=True, slots=True)
class Source:
    """What may be a plugin, as it lies on the disk now.

    Attributes:
        name: The plugin's name: of its entry point, or of its file in a folder.
        home: Its distribution's name, or its path.
        origin: The same for people, with the version.
        root: The module whose modules are its own.
        files: Of its own modules and of what lies beside them; none of a bundled plugin, and of one that is not found.
        load: Imports it; None for what is no plugin by its name, and may be a part of one.
        version: Of its distribution.
        is_installed: Not in a folder of `plugin.path`.
        is_bundled: It comes with the worker.
        limit_s: How long `load` may take; None for what any may.
    """

    name: str
    home: str
    origin: str
    root: str
    files: Files
    load: Callable[[], Any] | None
    version: str | None = None
    is_installed: bool = False
    is_bundled: bool = False
    limit_s: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Who it is, whatever its files are."""
        return self.home, self.name

    @property
    def code(self) -> Files:
        """Its files without those that it only has beside its code."""
        return {path: stamp for path, stamp in self.files.items() if path.endswith(".py")}

    def same_as(self, other: Source | None) -> bool:
        """Whether nothing of it has changed."""
        return other is not None and (self.origin, self.version, self.root, self.files) == (
            other.origin,
            other.version,
            other.root,
            other.files,
        )


@dataclass(frozen=True, slots=True)
class NoFolder:
    """An entry of `plugin.path` that is no folder, or cannot be read."""

    path: Path
    why: str = "which is no folder"


class Paths:
    """The .pth files of site-packages, by which a distribution that is installed `-e` is found. Those that are there
    at first were read as the interpreter started."""

    def __init__(self) -> None:
        self._seen = dict(self._found())

    def read(self) -> None:
        """Read files that are new, or were changed, as the interpreter would. Runs their lines that import."""
        for path, stamp in self._found():
            if self._seen.get(path) != stamp:
                self._seen[path] = stamp
                site.addpackage(os.path.dirname(path), os.path.basename(path), None)  # noqa: PTH119, PTH120 - texts

    @staticmethod
    def _found() -> Iterator[tuple[str, tuple[int, int, int]]]:
        for folder in dict.fromkeys([*site.getsitepackages(), site.getusersitepackages()]):
            if folder in sys.path and Path(folder).is_dir():
                for path in sorted(Path(folder).glob("*.pth")):
                    yield from _stamps([path])


#: Says of a folder that its plugins are not imported here: what loads them, and how long that may take.
Apart = Callable[[Path], tuple[Callable[[], Any], float] | None]


def _none_apart(folder: Path) -> None:
    return None


def scan(folders: Sequence[Path], apart: Apart = _none_apart) -> list[Source | NoFolder]:
    """Say what plugins there are: those of entry points by name, then those of folders. Reads the disk, runs nothing of
    theirs."""
    found: list[Source | NoFolder] = []
    # One look into each distribution: its metadata is parsed anew each time.
    known: dict[Any, tuple[str, str | None, str]] = {None: ("entry point", None, "")}
    for entry in sorted(_entry_points(), key=lambda e: e.name):
        if entry.dist is not None and entry.dist not in known:
            metadata = entry.dist.metadata
            known[entry.dist] = (f"{metadata['Name']} {metadata['Version']}", metadata["Version"], metadata["Name"])
        origin, version, distribution = known[entry.dist]
        is_ours = distribution == OURS
        try:
            module = entry.module
        except AttributeError:  # what is no name of a module has none
            load = functools.partial(
                _refuse, f"its entry point is {entry.value!r}; expected the name of a module, package.module"
            )
            found.append(Source(entry.name, distribution, origin, f"<{entry.name}>", {}, load, version, True))
            continue
        root, files = (module, {}) if is_ours else _root_of(module)
        found.append(Source(entry.name, distribution, origin, root, files, entry.load, version, True, is_ours))
    for folder in folders:
        try:
            found.extend(_in_folder(folder, apart))
        except OSError as error:  # also one that has just gone
            is_gone = isinstance(error, FileNotFoundError | NotADirectoryError)
            found.append(NoFolder(folder) if is_gone else NoFolder(folder, f"which cannot be read: {error}"))
    return found


def _in_folder(folder: Path, apart: Apart) -> list[Source]:
    if (own := apart(folder)) is not None:
        return [_apart_source(folder, *own)]
    found = []
    for path in sorted(folder.iterdir()):
        try:
            source = _at(path, apart) if is_looked_at(path) else None
        except OSError as error:  # of one that its neighbours do not share
            unreadable = functools.partial(_refuse, f"it cannot be read: {error}")
            source = Source(_shown(path.stem), str(path), _shown(str(path)), f"<{path}>", {}, unreadable)
        if source is not None:
            found.append(source)
    return found


def _at(path: Path, apart: Apart) -> Source | None:
    """Return what lies at a path of a folder of plugins; None for what is none, and no part of one."""
    if path.is_dir() and (own := apart(path)) is not None:
        return _apart_source(path, *own)
    module = path if path.suffix == ".py" else path / "__init__.py"
    if module.is_file():
        return source_of(module)
    return Source(path.name, str(path), str(path), path.name, files_of(path), None) if path.is_dir() else None


def is_looked_at(path: Path) -> bool:
    """Whether what lies at a path of a folder of plugins may be one, by its name."""
    return not _PASSING.match(path.name) and path.name != "__pycache__"


def _entry_points() -> list[importlib.metadata.EntryPoint]:
    """Return the entry points of all distributions, without those of one whose files cannot be read: one that is half
    installed takes no other with it."""
    try:
        return [*importlib.metadata.entry_points(group=hooks.ENTRY_POINT_GROUP)]
    except Exception:
        logger.debug("a distribution's entry points cannot be read; each is looked at alone", exc_info=True)
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for distribution in importlib.metadata.distributions():
        try:
            # The first of a name is the one that is imported.
            entries = [e for e in distribution.entry_points if e.group == hooks.ENTRY_POINT_GROUP]
            found.setdefault(distribution.metadata["Name"], entries)
        except Exception as error:
            at = getattr(distribution, "_path", "an installed distribution")
            logger.warning("entry points of %s cannot be read, and its plugins are left out: %s", at, error)
    return [entry for entries in found.values() for entry in entries]


def source_of(module: Path) -> Source:
    """Return what a module's file, or a package's `__init__.py`, is in a folder."""
    path = module.parent if module.name == "__init__.py" else module
    if "." in (path.stem if path is module else path.name) or not str(path).isprintable():
        # A copy beside the plugin, most often: as a module it would be a part of the one of the name before the dot.
        # What is no text could not be told of.
        named = functools.partial(
            _refuse,
            f"{_shown(path.name)} is no name of a module: it holds a dot, or what cannot be shown; rename it, or take "
            "it out of plugin.path",
        )
        return Source(_shown(path.stem), str(path), _shown(str(path)), f"<{path}>", files_of(path), named)
    load = None if path.name.startswith("_") else functools.partial(_import_file, path.stem, module)
    return Source(path.stem, str(path), str(path), path.stem, files_of(path), load)


def _refuse(why: str) -> NoReturn:
    raise PluginError(why)


def _shown(name: str) -> str:
    return name if name.isprintable() else ascii(name)


def plugin_folders() -> tuple[str, ...]:
    """Return the folders of `plugin.path` that are in `sys.path`, in its order."""
    return tuple(entry for entry in sys.path if entry in _FOLDERS)


def add_to_path(folder: Path) -> None:
    """Let plugins of several modules in a folder import their own parts."""
    _FOLDERS.add(str(folder))
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))


def _apart_source(folder: Path, load: Callable[[], Any], limit_s: float) -> Source:
    # No module of this process is below such a root.
    return Source(folder.name, str(folder), str(folder), f"<{folder}>", files_of(folder), load, limit_s=limit_s)


def outdated(before: Iterable[Source], now: Sequence[Source]) -> set[str]:
    """Return the roots that have changed, are new or are gone, and those that import one of these, and so on."""
    old, new = {s.key: s for s in before}, {s.key: s for s in now}
    changed = {s.root for s in now if not s.same_as(old.get(s.key))}
    changed |= {s.root for key, s in old.items() if key not in new}
    todo, rest = set(changed), {s.root: s for s in now if s.root not in changed and s.files}
    while todo and rest:
        names = b"|".join(re.escape(os.fsencode(root.partition(".")[0])) for root in sorted(todo))
        # More than imports has such lines; what is imported anew without need is the same as before.
        name = re.compile(rb"\b(?:" + names + rb")\b")
        todo = {root for root, source in rest.items() if _imports(source.files, name)}
        changed |= todo
        rest = {root: source for root, source in rest.items() if root not in todo}
    return changed


@dataclass(slots=True)
class Swap:
    """Takes the modules of some roots out of `sys.modules`, so that they are imported anew.

    Not for two threads at once. A plugin that runs and imports a part of its own meanwhile may get the new one.

    Args:
        known: Those that were plugins before. Modules that lie elsewhere are not touched, whatever a plugin's name is.
    """

    roots: Collection[str]
    known: Iterable[Source]
    _old: dict[str, dict[str, ModuleType]] = field(default_factory=dict)

    def __enter__(self) -> Swap:
        places: dict[str, set[str]] = {root: {path} for root, path in _FROM_FOLDERS.items()}
        ours = {"connect"}
        for source in self.known:
            if source.is_bundled:
                ours.add(source.root.partition(".")[0])
            else:
                places.setdefault(source.root, set()).update(map(os.path.realpath, [source.home, *source.files]))
        for root in self.roots:
            if root.partition(".")[0] not in ours and _lies_at(sys.modules.get(root), places.get(root, ())):
                self._old[root] = {
                    name: module for name in _below(root) if (module := sys.modules.pop(name, None)) is not None
                }
            _unlock(root)
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        for root in self._old:
            # It is gone from the disk, and what runs of it may still import its own parts.
            if failed is not None or root not in sys.modules:
                self.give_back(root)

    def check(self, root: str) -> None:
        """Make sure that a root can be imported anew.

        Raises:
            PluginError: Modules of it are compiled: a process loads such a one once.
        """
        for name, module in self._old.get(root, {}).items():
            if isinstance(getattr(module, "__loader__", None), ExtensionFileLoader):
                raise PluginError(
                    f"it has changed, and its module {name} is compiled, which a process cannot load a second time; "
                    "start the worker anew"
                )

    def give_back(self, root: str) -> None:
        """Put the old modules of a root back, in place of what was imported since."""
        if root in self._old:
            for name in _below(root):
                sys.modules.pop(name, None)
            sys.modules.update(self._old[root])


def forget_bytecode(before: Source | None, now: Source) -> None:
    """Remove compiled forms of files that are new or have changed: they are taken for fresh by the second and the
    size."""
    for path, stamp in now.files.items():
        if path.endswith(".py") and (before is None or before.files.get(path) != stamp):
            try:
                Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)
            except OSError:  # a folder of somebody else's: who wrote it there looks after it
                continue


def _below(root: str) -> list[str]:
    # A copy in one step: other threads import meanwhile.
    return [name for name in list(sys.modules) if name == root or name.startswith(f"{root}.")]


def _unlock(root: str) -> None:
    """Forget who imports modules of a root now: one that never comes back would have each later import wait for it."""
    locks: dict[str, Any] = getattr(importlib._bootstrap, "_module_locks", {})
    for name in [name for name in list(locks) if name == root or name.startswith(f"{root}.")]:
        locks.pop(name, None)


def _lies_at(module: ModuleType | None, places: Collection[str]) -> bool:
    """Whether a module is of one of these files and folders."""
    file = getattr(module, "__file__", None)
    try:
        found = [file] if file is not None else [*getattr(module, "__path__", ())]
    except Exception:  # whatever a plugin has put there
        return False
    return any(isinstance(path, str) and os.path.realpath(path) in places for path in found)


def _imports(files: Files, name: re.Pattern[bytes]) -> bool:
    """Whether a line of some files may import a module. In linear time: a line may be megabytes of data."""
    for path in files:
        try:
            if not path.endswith(".py") or not name.search(text := Path(path).read_bytes()):
                continue
        except OSError:  # it has just gone: the next look sees that
            continue
        for line in text.splitlines():
            at = _IMPORTS.search(line)
            if at is not None and b"#" not in line[: at.start()] and name.search(line, at.end()):
                return True
    return False


def _root_of(module: str) -> tuple[str, Files]:
    """Return the root of an entry point's module, behind namespace packages, and its files; nothing of it is run."""
    name, path = "", None
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        spec = _spec_of(name, path)
        if spec is None:
            break
        if spec.origin is not None and spec.has_location:
            return name, files_of(Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin))
        path = list(spec.submodule_search_locations or ())
    return module, {}


def _spec_of(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """Find a module where it lies now, not where it was when it was imported."""
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, path)
        except Exception:  # a stranger's: its import fails with the same, and is told of
            logger.debug("%r cannot say where module %s is", finder, name, exc_info=True)
            continue
        if spec is not None:
            return spec
    return None


def files_of(path: Path) -> Files:
    """Return the files of a module, or of a package's folder without what is hidden, compiled, or an environment."""
    if os.path.isfile(path):  # noqa: PTH113 - pathlib raises for what may not be looked at
        return dict(_stamps([path]))
    found = dict(_stamps(itertools.islice(_walk(path), _FILES_MAX)))
    if len(found) == _FILES_MAX:
        logger.warning("%s has %d files or more; changes of the others are not seen", path, _FILES_MAX)
    return found


def folders_of(top: Path) -> list[Path]:
    """Return a folder and those below it that hold files of plugins."""
    return [Path(at) for at, _ in itertools.islice(_folders(top), _FILES_MAX)]


def _walk(top: Path) -> Iterator[Path]:
    for at, names in _folders(top):
        yield from (Path(at, name) for name in sorted(names) if not _PASSING.match(name))


def _folders(top: Path) -> Iterator[tuple[str, list[str]]]:
    for at, folders, names in os.walk(top):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__pycache__" and not _is_env(at, f))
        yield at, names


def _is_env(at: str, folder: str) -> bool:
    # pathlib raises for one that may not be looked into.
    return os.path.isfile(os.path.join(at, folder, "pyvenv.cfg"))  # noqa: PTH113, PTH118


def _stamps(paths: Iterable[Path]) -> Iterator[tuple[str, tuple[int, int, int]]]:
    for path in paths:
        try:
            found = path.stat()
        except OSError:  # it has just gone
            continue
        if stat.S_ISREG(found.st_mode):  # to read a pipe may take for ever
            yield str(path), (found.st_mtime_ns, found.st_ctime_ns, found.st_size)


def _import_file(name: str, path: Path) -> ModuleType:
    known = sys.modules.get(name)
    if known is not None and os.path.realpath(getattr(known, "__file__", None) or "") == os.path.realpath(path):
        return known  # another plugin of the folder has imported it
    is_in_use = known is not None and known not in _OURS
    if name in sys.stdlib_module_names or is_in_use or is_installed(name, path):
        raise PluginError(f"{path.name} has the name of a module that is in use, {name}; give it another one")
    locations = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=locations)
    assert spec is not None, f"{path} is a Python file"
    assert spec.loader is not None, f"{path} is a Python file"
    module = importlib.util.module_from_spec(spec)
    _FROM_FOLDERS[name] = os.path.realpath(path)
    _OURS.add(module)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if sys.modules.get(name) is module:  # one that hung for long fails when another is there in its place
            del sys.modules[name]
        raise
    return module


def is_installed(name: str, path: Path) -> bool:
    """Whether another module of this name is there without the folders of `plugin.path`: who imports it means that.

    In a process of its own a plugin's folder is in `sys.path` like any other.
    """
    spec = _spec_of(name, [path for path in sys.path if path not in _FOLDERS])
    if spec is None or spec.loader is None or not spec.has_location or spec.origin is None:
        return False
    if os.path.realpath(spec.origin) == os.path.realpath(path):
        return False
    own = [os.path.realpath(folder) for folder in _FOLDERS]
    return not any(os.path.realpath(spec.origin).startswith(f"{folder}{os.sep}") for folder in own)
