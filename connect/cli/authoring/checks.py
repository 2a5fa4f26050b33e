"""What `connect plugin check` looks at before a plugin is published: nothing of it runs a connector."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from connect.api import VERSION, ConfigError, hooks, register_code
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.secrets import is_untyped
from connect.runtime.validation.findings import Finding, Level

NO_PLUGIN: Final = register_code(
    "plugin.not_found",
    "What is named is no plugin: no folder of one, no installed distribution, and no entry point.",
    "Name a folder with a pyproject.toml, or what 'pip list' or 'connect plugin list' shows.",
)
#: A plugin that takes longer to import makes every start of a worker, and every command, wait for it.
IMPORT_S_MAX: Final = 1.0
_MYPY_S: Final = 300.0
_IMPORT_S: Final = 60.0
_VERSION: Final = re.compile(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9.]+)?")
_TIMED: Final = """\
import sys, time
import connect.api
sys.path[:0] = sys.argv[2:]
began = time.perf_counter()
__import__(sys.argv[1])
print(time.perf_counter() - began)
"""


@dataclass(frozen=True, slots=True)
class Target:
    """The plugin that is checked.

    Attributes:
        entries: Its entry points: name and what it leads to.
        folder: Of its sources; None of one that is installed alone.
        importable: What is to be on the path for it to be imported.
    """

    title: str
    version: str
    entries: Mapping[str, str]
    requires: Sequence[str]
    folder: Path | None = None
    importable: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


def target_of(given: str) -> Target:
    """Return what a path, the name of a distribution, or that of an entry point means.

    Raises:
        ConfigError: plugin.not_found; config.unreadable: its pyproject.toml cannot be read.
    """
    path = Path(given)
    if (path / "pyproject.toml").is_file():
        return _of_folder(path.resolve())
    for entry in importlib.metadata.entry_points(group=hooks.ENTRY_POINT_GROUP):
        if entry.dist is not None and given in (entry.name, entry.dist.name):
            own = [e for e in entry.dist.entry_points if e.group == hooks.ENTRY_POINT_GROUP]
            chosen = [e for e in own if given in (e.name, entry.dist.name)]
            return Target(
                entry.dist.name, entry.dist.version, {e.name: e.value for e in chosen}, entry.dist.requires or ()
            )
    raise ConfigError(f"there is no plugin {given}", code=NO_PLUGIN)


def _of_folder(folder: Path) -> Target:
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("project", {})
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder / 'pyproject.toml'} cannot be read: {error}", code="config.unreadable") from error
    entries = project.get("entry-points", {}).get(hooks.ENTRY_POINT_GROUP, {})
    importable = tuple(str(place) for place in (folder / "src", folder) if place.is_dir())
    name, version = str(project.get("name", folder.name)), str(project.get("version", ""))
    if not version and "version" in project.get("dynamic", ()):
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = ""
    return Target(name, version, entries, project.get("dependencies", ()), folder, importable, project)


def check(target: Target, *, timeout_s: float) -> list[Finding]:
    """Run every check. Imports the plugin, and the others that are installed; runs mypy where that is."""
    sys.path[:0] = [place for place in target.importable if place not in sys.path]
    own = PluginHost(timeout_s=timeout_s, tells=False)
    findings = [*_entries(target, own)]
    modules = [entry.partition(":")[0] for entry in target.entries.values()]
    findings += [
        *_names(target, own),
        *_docs(own),
        *_secrets(own),
        *_version(target, own),
        *(found for module in modules for found in _api(module)),
        *(found for module in modules for found in _import_time(module, target)),
        *_types(target, modules),
    ]
    return findings


def _found(check: str, problems: Sequence[str], fine: str, level: Level = Level.ERROR) -> Iterator[Finding]:
    if problems:
        yield from (Finding(check, level, problem) for problem in problems)
    else:
        yield Finding(check, Level.OK, fine)


def _entries(target: Target, own: PluginHost) -> Iterator[Finding]:
    """Take the plugin by its entry points, as a worker would."""
    if not target.entries:
        yield Finding(
            "entry points",
            Level.ERROR,
            f"{target.title} has none in the group {hooks.ENTRY_POINT_GROUP}; write [project.entry-points."
            f'{hooks.ENTRY_POINT_GROUP}] with NAME = "MODULE" into its pyproject.toml',
        )
        return
    for name, value in target.entries.items():
        entry = importlib.metadata.EntryPoint(name, value, hooks.ENTRY_POINT_GROUP)
        own.take(name, target.title, entry.load, target.version or None)
    problems = [f"{broken.name}: {broken.cause}" for broken in own.broken]
    named = ", ".join(f"{name} = {value}" for name, value in target.entries.items())
    count = len(own.list())
    yield from _found("entry points", problems, f"{named}: {count} class{'' if count == 1 else 'es'}")


def _names(target: Target, own: PluginHost) -> Iterator[Finding]:
    """Look whether another plugin has a name of this one, of the plugin or of a class."""
    problems = []
    others = PluginHost.discover(tells=False)
    for entry in importlib.metadata.entry_points(group=hooks.ENTRY_POINT_GROUP):
        if entry.name in target.entries and entry.dist is not None and not _same(entry.dist.name, target.title):
            problems.append(f"{entry.dist.name} has an entry point {entry.name}, too; one of the two is left out")
    for desc in own.list():
        for name in dict.fromkeys(desc.names()):
            other = others.find(name, desc.kind)
            if other is not None and _place(other) != _place(desc):
                problems.append(f"{desc.name} answers to {name}, and so does {other.name} of {other.origin}")
                break
    yield from _found("names", problems, "no other installed plugin has them")


def _same(one: str, other: str) -> bool:
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def _place(desc: PluginDesc) -> tuple[str, str]:
    return desc.cls.__module__, desc.cls.__qualname__


def _docs(own: PluginHost) -> Iterator[Finding]:
    problems = [f"{desc.name} has no docstring" for desc in own.list() if not (desc.cls.__doc__ or "").strip()]
    problems += [
        f"{desc.name}: the key {key.name} says nothing of what it is for"
        for desc in own.list()
        for key in desc.cls.config_class.keys().values()
        if not key.internal and len(key.documentation.strip()) < 3
    ]
    yield from _found("docs", problems, "every class and every key says what it is for", Level.WARNING)


def _secrets(own: PluginHost) -> Iterator[Finding]:
    problems = [
        f"{desc.name}: the key {key.name} is {key.type.value}, so REST and the log show it; write Secret as its type"
        for desc in own.list()
        for key in desc.cls.config_class.keys().values()
        if is_untyped(key)
    ]
    yield from _found("secrets", problems, "no key that sounds like a secret is shown")


def _version(target: Target, own: PluginHost) -> Iterator[Finding]:
    if not target.version and "version" in target.metadata.get("dynamic", ()):
        told = f"{target.title} is not installed, and its version is dynamic: pip install -e . to have it looked at"
        yield Finding("version", Level.WARNING, told)
    elif not _VERSION.fullmatch(target.version):
        yield Finding("version", Level.ERROR, f"{target.version!r} is no version; expected one such as 0.1.0")
        return
    else:
        problems = [
            f"{desc.name} says {desc.cls.version}, and {target.title} is {target.version}"
            for desc in own.list()
            if desc.cls.version != target.version
        ]
        yield from _found("version", problems, target.version, Level.WARNING)
    if not any(re.match(r"connect[-_.]runtime\b", requirement, re.IGNORECASE) for requirement in target.requires):
        yield Finding("version", Level.WARNING, f"{target.title} does not list connect-runtime in its dependencies")


def _api(module: str) -> Iterator[Finding]:
    needed = getattr(sys.modules.get(module), "__connect_api__", None)
    if module in sys.modules:  # one that is wrong is told of by its entry point
        problem = f"{module} does not say which version of connect.api it needs: __connect_api__ = {VERSION!r}"
        yield from _found("api", [] if needed else [problem], f"{module} needs {needed}", Level.WARNING)


def _import_time(module: str, target: Target) -> Iterator[Finding]:
    """Import in a process of its own, behind connect.api: what the plugin adds."""
    command = [sys.executable, "-c", _TIMED, module, *target.importable]
    try:
        done = _run(command, target.folder, _IMPORT_S)
        took_s = float(done.stdout.split()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError):  # it prints at its end, hangs or fails
        yield Finding("import time", Level.WARNING, f"{module} could not be imported in a process of its own")
        return
    slow = f"{module} takes {took_s:.1f} s to import, and every start waits for it; import what is large in functions"
    yield from _found("import time", [slow] if took_s > IMPORT_S_MAX else [], f"{took_s * 1000:.0f} ms", Level.WARNING)


def _types(target: Target, modules: Sequence[str]) -> Iterator[Finding]:
    if importlib.util.find_spec("mypy") is None:
        yield Finding("types", Level.OK, "not checked: mypy is not installed")
        return
    if target.folder is None:
        yield Finding("types", Level.OK, "not checked: it is installed, and its sources may be elsewhere")
        return
    packages = sorted({module.partition(".")[0] for module in modules})
    found = {package: _source_of(package, target.importable) for package in packages}
    sources = [str(source) for source in found.values() if source is not None]
    missing = [package for package, source in found.items() if source is None]
    if missing:
        yield Finding("types", Level.WARNING, f"there are no sources of {', '.join(missing)} in {target.folder}")
    if not sources:
        return
    command = [sys.executable, "-m", "mypy", "--no-error-summary", *sources]
    try:
        done = _run(command, target.folder, _MYPY_S)
    except subprocess.TimeoutExpired:
        yield Finding("types", Level.WARNING, f"mypy did not end within {_MYPY_S:g} s")
        return
    told = [line for line in (done.stdout + done.stderr).splitlines() if ": note:" not in line]
    if done.returncode and not told:
        told = [f"mypy ended with {done.returncode}, and says nothing"]
    yield from _found("types", told if done.returncode else [], "mypy finds nothing")
    for source in map(Path, sources):
        if source.is_dir() and not (source / "py.typed").is_file():
            yield Finding("types", Level.WARNING, f"{source.name} has no py.typed, so its users' checkers do not look")


def _source_of(package: str, places: Sequence[str]) -> Path | None:
    for place in places:
        for found in (Path(place) / package, Path(place) / f"{package}.py"):
            if found.is_dir() or (found.suffix == ".py" and found.is_file()):
                return found
    return None


def _run(command: Sequence[str], folder: Path | None, timeout_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - this Python, with arguments of ours
        command, cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False
    )
