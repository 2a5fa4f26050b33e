"""The virtual environment of a plugin's folder that brings requirements, and what runs in it.

    plugins/geo/requirements.txt    or  pyproject.toml, whose [project] dependencies are read
    plugins/geo/__init__.py         a package; or modules and packages within a folder that is none

An environment is kept by the hash of what is required, of the interpreter and of the folder, so a change makes another
one and leaves a running worker its own. Who makes it holds a lock, and says by a stamp that it is whole: of two workers
one waits for the other, and what a killed one left is made anew. It holds what the folder requires and, behind that,
links to what `connect.api` needs: neither the worker's other libraries, nor a second installation of it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import importlib.metadata
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import connect
from connect.api import PluginError
from connect.api.error_codes import register_code
from connect.runtime.plugin_sources import files_of
from connect.runtime.processes.guardian import guardian

logger = logging.getLogger(__name__)

ENVIRONMENT: Final = register_code(
    "plugin.environment",
    "What a plugin's folder requires cannot be installed, so the plugin is left out.",
    "See what pip wrote; mend the requirements or the way to the package index, and start the worker again.",
)
REQUIREMENTS: Final = "requirements.txt"
PROJECT: Final = "pyproject.toml"
#: What the plugin's side imports of others; what these require comes with them.
_NEEDED: Final = ("pydantic", "pluggy", "ormsgpack", "typing-extensions")
_STAMP: Final = "connect-stamp"
#: Changes when environments are made otherwise.
_FORM: Final = "1"
_LOCK_POLL_S: Final = 0.1
#: How long the end of a step that was killed may take.
_KILLED_S: Final = 5.0
_TOLD_LINES: Final = 6
#: The disk is full, the user's part of it, or what one file may hold.
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: The first that takes `--python`.
_PIP_WITH_PYTHON: Final = (22, 3)
_DISTRIBUTION: Final = "connect-runtime"
_AT_LEAST: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)>=(?P<version>[0-9.]+)")
_RELEASE: Final = re.compile(r"\d+(\.\d+)*", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with requirements.

    Attributes:
        requirements: Lines of a requirements file.
        modules: The files of the modules that may be plugins.
        path: Folders for `sys.path`.
    """

    path: Path
    requirements: str
    modules: tuple[Path, ...]
    search: tuple[Path, ...]


def has_requirements(path: Path) -> bool:
    """Whether a folder says what its plugins require."""
    return (path / REQUIREMENTS).is_file() or (path / PROJECT).is_file()


def folder_of(path: Path) -> Folder | None:
    """Return a folder with requirements; None for one without.

    Raises:
        PluginError: plugin.environment: what it requires cannot be read.
    """
    listed, project = path / REQUIREMENTS, path / PROJECT
    if listed.is_file():
        requirements = _read(listed)
    elif project.is_file():
        requirements = _dependencies(project)
    else:
        return None
    if (path / "__init__.py").is_file():
        return Folder(path, requirements, (path / "__init__.py",), (path.parent,))
    search = (path / "src", path) if (path / "src").is_dir() else (path,)
    return Folder(path, requirements, tuple(module for each in search for module in modules_of(each)), search)


def modules_of(folder: Path) -> Iterator[Path]:
    """Yield the files of the modules and packages in a folder that may be plugins, in order."""
    for path in sorted(folder.iterdir()):
        module = path if path.suffix == ".py" else path / "__init__.py"
        if module.is_file() and not path.name.startswith(("_", ".")):
            yield module


def stamp_of(path: Path) -> str:
    """Return what tells that a folder's code or requirements have changed; '' for one that is gone. What a plugin
    writes beside its code does not count."""
    found = {
        name: stamp
        for name, stamp in files_of(path).items()
        if name.endswith((".py", f"/{REQUIREMENTS}", f"/{PROJECT}"))
    }
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest() if found else ""


def default_root() -> Path:
    """Return the folder of environments where nobody names one."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "connect" / "environments"


def python_of(folder: Folder, *, root: Path | None, timeout_s: float) -> str:
    """Return the interpreter of a folder's environment, which is made if it is not there. Blocks, `timeout_s` at most:
    not on the event loop.

    Raises:
        PluginError: plugin.environment: it cannot be made, or not in time.
    """
    until = time.monotonic() + timeout_s
    try:
        home = (root or default_root()) / _name_of(folder)
        home.parent.mkdir(parents=True, exist_ok=True)
        python = home / "bin" / "python"
        with _locked(home.with_name(home.name + ".lock"), until) as lock:
            if not _is_whole(home, python):
                shutil.rmtree(home, ignore_errors=True)
                try:
                    _make(folder, home, python, until, lock)
                except BaseException:
                    shutil.rmtree(home, ignore_errors=True)  # which may fill the disk that it could not be made on
                    raise
    except OSError as error:
        raise PluginError(
            f"the environment of {folder.path} cannot be made: {error}",
            code=ENVIRONMENT,
            hint=_room_for(str(error)) or "Name a folder that the worker can write in plugin.environments.path.",
        ) from error
    return str(python)


def too_old(python: str) -> list[str]:
    """Return which libraries in an environment are older than `connect.api` needs, each with both versions."""
    site = [str(path) for path in Path(python).parent.parent.glob("lib/python*/site-packages")]
    there = {d.name.lower().replace("_", "-"): d.version for d in importlib.metadata.distributions(path=site)}
    found = []
    for required in importlib.metadata.requires(_DISTRIBUTION) or ():
        if (match := _AT_LEAST.match(required)) is None or match["name"].lower() not in _NEEDED:
            continue
        version = there.get(match["name"].lower())
        if version is not None and _numbers(version) < _numbers(match["version"]):
            found.append(f"{match['name']} {version}, and connect.api needs {match[0]}")
    return found


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with, without zeros behind."""
    match = _RELEASE.match(version)
    numbers = [int(part) for part in match[0].split(".")] if match is not None else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _make(folder: Folder, home: Path, python: Path, until: float, lock: int) -> None:
    began = time.monotonic()
    logger.info("plugin folder %s: installing what it requires into %s", folder.path, home)
    is_empty = not any(line.strip() and not line.lstrip().startswith("#") for line in folder.requirements.splitlines())
    has_pip = _has_pip()  # of the worker's own, which costs less than one for each environment
    bare = ["--without-pip"] if has_pip or is_empty else []
    _run([sys.executable, "-m", "venv", *bare, str(home)], folder, until, lock)
    listed = home / REQUIREMENTS
    # Beside the folder's own, to which relative paths in it are relative.
    listed.write_text(folder.requirements)
    if not is_empty:
        own = folder.path / REQUIREMENTS
        source = own if own.is_file() else listed
        pip = [sys.executable, "-m", "pip", "--python", str(python)] if has_pip else [str(python), "-m", "pip"]
        _run([*pip, "install", "--disable-pip-version-check", "--no-input", "-r", str(source)], folder, until, lock)
    _link(home)
    (home / _STAMP).write_text(_stamp())
    logger.info("plugin folder %s: installed in %.1f s", folder.path, time.monotonic() - began)


def _has_pip() -> bool:
    """Whether the worker's environment has a pip that can install into another one."""
    try:
        major, minor = importlib.metadata.version("pip").split(".")[:2]
        return (int(major), int(minor)) >= _PIP_WITH_PYTHON
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False


def _run(command: list[str], folder: Folder, until: float, lock: int) -> None:
    """Run a step, and end it with all that it has started where it takes too long.

    It holds the lock as well: where this process is killed, nobody else begins while it still writes.
    """
    process = subprocess.Popen(  # noqa: S603 - the interpreter, and modules of its own
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=(lock,),
        cwd=folder.path,
        env={name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")},
    )
    try:
        guardian.begun(process.pid)
        told, _ = process.communicate(timeout=max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # what has left the group may hold the pipe open
            process.communicate(timeout=_KILLED_S)
        guardian.ended(process.pid)
        raise PluginError(
            f"what {folder.path} requires was not installed in time",
            code=ENVIRONMENT,
            hint="Raise plugin.install.timeout.ms, or see what pip waits for.",
        ) from None
    guardian.ended(process.pid)
    if process.returncode:
        lines = [line.strip() for line in told.decode("utf-8", "replace").splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines[-_TOLD_LINES:]
        said = " ".join(errors)
        raise PluginError(
            f"what {folder.path} requires cannot be installed: {_without_logins(said[:2000])}",
            code=ENVIRONMENT,
            hint=_room_for(said),
        )


def _room_for(said: str) -> str | None:
    """Return what to do where a disk is full, by what was said; None for any other trouble."""
    if not any(os.strerror(number) in said for number in _NO_ROOM):
        return None
    return (
        "Make room on the disk of plugin.environments.path, or name a folder on another one; then refresh the plugins."
    )


def _link(home: Path) -> None:
    """Give an environment what `connect.api` needs, behind what is installed in it."""
    links = home / "connect-needs"
    links.mkdir()
    for name, target in _needed().items():
        (links / name).symlink_to(target)
    (site,) = home.glob("lib/python*/site-packages")
    (site / "connect_needs.pth").write_text(f"{links}\n")


def _needed() -> dict[str, Path]:
    """Return what the plugin's side imports, by the names of its files beside each other."""
    found = {"connect": Path(connect.__file__).resolve().parent}
    names, seen = list(_NEEDED), set[str]()
    while names:
        name = names.pop()
        if name in seen:
            continue
        seen.add(name)
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and _NAME.fullmatch(top):
                found[top] = Path(str(distribution.locate_file(top))).resolve()
        for required in distribution.requires or ():
            if "extra ==" not in required and (match := _NAME.match(required)) is not None:
                names.append(match[0].rstrip(".").lower())
    return found


def _is_whole(home: Path, python: Path) -> bool:
    try:
        return python.exists() and (home / _STAMP).read_text() == _stamp()
    except OSError:
        return False


def _stamp() -> str:
    """Say with what an environment was made: another interpreter, or Connect elsewhere, makes it anew."""
    return "\n".join([_FORM, sys.version, *(f"{name}={path}" for name, path in sorted(_needed().items()))])


def _name_of(folder: Folder) -> str:
    parts = [_FORM, str(folder.path.resolve()), folder.requirements, sys.version, sys.prefix]
    return f"{folder.path.resolve().name}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}"


@contextlib.contextmanager
def _locked(path: Path, until: float) -> Iterator[int]:
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise PluginError(
                        f"another worker, or a pip that has outlived it, has not made the environment {path.stem} in "
                        "time",
                        code=ENVIRONMENT,
                        hint=f"See who has {path} open.",
                    ) from None
                time.sleep(_LOCK_POLL_S)
        yield file.fileno()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PluginError(f"{path} cannot be read: {error}", code=ENVIRONMENT) from error


def _dependencies(path: Path) -> str:
    try:
        found: Any = tomllib.loads(_read(path)).get("project", {}).get("dependencies", [])
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise TypeError("[project] dependencies is no list of texts")
    except (tomllib.TOMLDecodeError, TypeError, AttributeError) as error:
        raise PluginError(f"{path} cannot be read: {error}", code=ENVIRONMENT) from error
    return "".join(f"{one}\n" for one in found)


def _without_logins(text: str) -> str:
    """Return a text without the users and passwords of the addresses in it."""
    return re.sub(r"(://)[^/\s@]+@", r"\1", text)
