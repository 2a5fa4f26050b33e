"""Connectors that files describe: taken by the worker's herder, or the group's, once or for as long as the worker runs.

Theory of operation of a folder (`connectors.dir`). Each look lists its files and compares each with what was applied of
it before: what is new or changed is applied, and what a file no longer names is deleted. So a file wins when the worker
starts and when it changes, and a request that changes its connector meanwhile stands until then: of two who change one
thing the later one wins, and a restart is a change of the folder. What differs is told of.

Deleted is only what this folder has named before, in this life of the worker or an earlier one: a record of that lies
in `data.dir`. A file that cannot be read now still names what it named. A folder that is not there, or is empty and was
never seen otherwise, may be one that is not mounted: nothing is deleted for it. One that stands in the place of
another, or that the worker finds at its start, may still be filled, as by a checkout: nothing is deleted before its
names have stayed the same for a while. A listing is no snapshot: a file that is renamed meanwhile may be in it under
neither name, so what is missing has to be missing twice.

A file that is wrong is told of and holds nobody up; it is tried again now and then, since what it lacks, such as a
plugin, may come. Links of Kubernetes' volumes are followed: a swap of `..data` changes the files that it leads to.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from connect.api import ConfigError, ConnectError, EnvironmentFault, NotFoundError
from connect.cli.settings import ConnectorFile, config_files, connector_file
from connect.credentials import write_private
from connect.runtime.border.watchdog import Notice
from connect.runtime.folder_watch import FolderWatch
from connect.stores.history import Author, asked_by

if TYPE_CHECKING:
    from connect.runtime.host import Host

logger = logging.getLogger(__name__)

#: What passes by itself: nobody leads just yet, what is known as the leader died and the group does not know it, or a
#: request for the same connector was faster.
ON_ITS_WAY: Final = ("worker.rebalancing", "environment.unreachable", "connector.changed")
#: A larger file is no connector's config.
BYTES_MAX: Final = 1 << 20
#: With more files nothing is applied.
FILES_MAX: Final = 10_000
#: How soon it is looked again: after a failure that passes by itself; and after any other, or though nothing changed.
SOON_S: Final = 2.0
AGAIN_S: Final = 30.0
#: How long after a look that misses a name comes the one that makes sure.
SURE_S: Final = 0.5
#: How long the names in a folder that is new here stay the same before it is taken for full.
FULL_S: Final = 10.0
#: Of `/v1/warnings`.
FILE_CODE: Final = "connectors.dir"
DIFFERS_CODE: Final = "connector.differs"
_KEY: Final = "connectors.dir"
_RECORD: Final = "connectors-dir.json"


async def take_file(host: Host, file: ConnectorFile) -> None:
    """Create the connector of a file, or bring its config up to date.

    Raises:
        ConnectError: What is wrong with it, the connector's name in front.
    """
    try:
        if (leader := host.leader_url) is not None:
            await asyncio.to_thread(_send_file, leader, file)
            return
        herder = host.leading()
        with asked_by(Author("file")):
            if file.initial_state is not None and file.name not in herder.connectors():
                await herder.create(file.name, file.config, file.initial_state)
            else:
                await herder.put_config(file.name, file.config)
    except ConnectError as error:
        error.message = f"connector {file.name!r}: {error.message}"
        raise


def _send_file(leader: str, file: ConnectorFile) -> None:
    """Have the leader take a file, as a client of its REST: CONNECT_USERNAME and the like say as whom."""
    from connect.cli.rest import RestClient

    with RestClient(leader) as client:
        if file.initial_state is not None and file.name not in client.call("GET", "/connectors"):
            body = {"name": file.name, "config": file.config, "initial_state": file.initial_state.value}
            client.call("POST", "/connectors", body)
        else:
            client.named("PUT", file.name, "/config", dict(file.config))


async def _delete(host: Host, name: str) -> None:
    """Delete a connector; one that is gone is no failure."""
    try:
        if (leader := host.leader_url) is not None:
            await asyncio.to_thread(_send_deletion, leader, name)
        else:
            with asked_by(Author("file")):
                await host.leading().delete(name)
    except NotFoundError:
        logger.info("connector %s was deleted already", name)


def _send_deletion(leader: str, name: str) -> None:
    from connect.cli.rest import RestClient

    with RestClient(leader) as client:
        client.named("DELETE", name)


@dataclass(frozen=True, slots=True)
class _Wrong:
    """What is wrong with a file, or with a connector that is to go.

    Attributes:
        passes: By itself, and soon.
    """

    message: str
    passes: bool = False

    @classmethod
    def of(cls, error: ConnectError, doing: str = "") -> _Wrong:
        return cls(_as_text(f"{doing}{error.message} [{error.code}]"), error.code in ON_ITS_WAY)


@dataclass(frozen=True, slots=True)
class _Read:
    """A file as it is now: what it says, or why it says nothing."""

    digest: bytes
    content: ConnectorFile | ConfigError


class ConnectorFolder:
    """Keeps connectors as the files of a folder say, through all lives of a worker. For the event loop.

    Args:
        record: The folder in which is remembered what was named by the files.
    """

    def __init__(self, folder: Path, record: Path) -> None:
        self._folder = folder
        self._record = record / _RECORD
        #: Which file names a connector, of all that the folder has named and that was not deleted since.
        self._owned: dict[str, str] = {}
        self._is_loaded = False
        #: What was applied of each file.
        self._applied: dict[str, bytes] = {}
        self._wanted: dict[str, tuple[str, Mapping[str, str]]] = {}
        #: The connectors that the look before found no file for, and the files that it did not find.
        self._missed: set[str] = set()
        self._gone: set[str] = set()
        #: Which folder it was that had files: another one may stand in its place, where a volume is not mounted.
        self._seen_in: _Opened | None = None
        #: While that one may still be filled: the names that were in it, and since when.
        self._filling: tuple[frozenset[str], float] | None = None
        #: What is wrong, by file or, of a deletion that failed, by connector.
        self._wrong: dict[str, _Wrong] = {}
        self._host: Host | None = None

    async def keep(self, host: Host) -> None:
        """Apply the files now and after each change, until cancelled. What is wrong is logged and never raised."""
        self._host = host
        host.base.more_notices.append(self.notices)
        changed, loop = asyncio.Event(), asyncio.get_running_loop()

        def tell() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(changed.set)

        # Aside: it looks at all that is there, on whatever disk.
        watch = await asyncio.to_thread(FolderWatch, [self._folder], tell, name="connect-connectors-dir", of=_KEY)
        watch.start()
        try:
            while True:
                changed.clear()
                again_s = await self._look_once(host)
                try:
                    async with asyncio.timeout(again_s):
                        await changed.wait()
                except TimeoutError:
                    continue
        finally:
            self._seen_in = None
            await asyncio.to_thread(watch.close)

    def notices(self) -> list[Notice]:
        """Return what is wrong with the files, and which connectors are not as theirs say."""
        found = [Notice(FILE_CODE, subject, wrong.message) for subject, wrong in sorted(self._wrong.items())]
        for name, (file, wanted) in sorted(self._wanted.items()):
            now = None if self._host is None else self._host.base.configs.config(name)
            if self._host is not None and now != wanted:
                how = "deleted" if now is None else "changed"
                found.append(
                    Notice(
                        DIFFERS_CODE,
                        name,
                        f"it was {how} since {file} of connectors.dir was applied; the file is applied again when it "
                        "changes and when the worker starts",
                    )
                )
        return found

    # -- one look ----------------------------------------------------------------------------------------------------

    async def _look_once(self, host: Host) -> float:
        """Bring connectors to what the files say; return when to look again though nothing changes, in seconds."""
        try:
            return await self._look(host)
        except Exception as error:  # the worker goes on without what this folder wants
            logger.exception("connectors.dir=%s could not be looked at", self._folder)
            self._wrong[str(self._folder)] = _Wrong(f"it could not be looked at: {error}")
            return AGAIN_S

    async def _look(self, host: Host) -> float:
        wrong: dict[str, _Wrong] = {}
        if not self._is_loaded:
            self._owned = await asyncio.to_thread(self._remembered)
        try:
            opened, files = await asyncio.to_thread(_read_all, self._folder)
        except OSError as error:
            self._tell({str(self._folder): _Wrong(f"the folder cannot be read: {error.strerror or error}")})
            return AGAIN_S
        self._is_loaded = True
        if files or self._seen_in == opened:
            self._note_filling(opened, frozenset(files))
        named = _named(files, wrong)
        for file, content in named.items():
            if self._applied.get(file) == files[file].digest:
                continue
            try:
                await self._apply(host, file, content)
                self._applied[file] = files[file].digest
            except ConnectError as error:
                wrong[file] = _Wrong.of(error)
        is_sure = True
        if self._seen_in == opened and self._filling is None:
            is_sure = await self._delete_unnamed(host, files, named, wrong)
        elif self._seen_in == opened:
            is_sure = False
        elif self._owned:
            wrong[str(self._folder)] = _Wrong(
                f"the folder is empty, and may not be mounted: {', '.join(sorted(self._owned))} of its files before "
                "are not deleted; delete them by request where they are to go"
            )
        await asyncio.to_thread(self._remember)
        self._tell(wrong)
        if not is_sure:
            return SURE_S
        return SOON_S if any(one.passes for one in wrong.values()) else AGAIN_S

    def _note_filling(self, opened: _Opened, names: frozenset[str]) -> None:
        """Take note of a folder that has files: one that is new here is full once its names stay the same."""
        now_s = asyncio.get_running_loop().time()
        if self._seen_in != opened:
            self._filling = None if names.issuperset(self._owned.values()) else (names, now_s)
        elif self._filling is not None and self._filling[0] != names:
            self._filling = (names, now_s)
        elif self._filling is not None and now_s - self._filling[1] >= FULL_S:
            self._filling = None
        self._seen_in = opened

    async def _apply(self, host: Host, file: str, content: ConnectorFile) -> None:
        """Make a connector as its file says; one that is so already is left alone, and not started anew."""
        config = {**content.config, "name": content.name}
        before = host.base.configs.config(content.name)
        if before != config:
            await take_file(host, content)
            logger.info("connector %s was %s as %s says", content.name, "changed" if before else "made", file)
        self._owned[content.name] = file
        self._wanted[content.name] = (file, config)

    async def _delete_unnamed(
        self, host: Host, files: Mapping[str, _Read], named: Mapping[str, ConnectorFile], wrong: dict[str, _Wrong]
    ) -> bool:
        """Delete what no file names any more, and did not at the look before; return whether nothing is missed since
        this look alone."""
        names = {content.name for content in named.values()}
        missed_before, self._missed = self._missed, set()
        gone_before, self._gone = self._gone, self._applied.keys() - files.keys()
        for name, file in list(self._owned.items()):
            if name in names or (file in files and file not in named):
                continue
            self._missed.add(name)
            if name not in missed_before:
                continue
            try:
                if host.base.configs.config(name) is not None:
                    await _delete(host, name)
                    logger.info("connector %s was deleted: %s does not name it any more", name, file)
                del self._owned[name]
                self._wanted.pop(name, None)
            except ConnectError as error:
                wrong[name] = _Wrong.of(error, "no file names it any more, and it cannot be deleted: ")
        for file in self._gone & gone_before:
            del self._applied[file]
        return self._missed <= missed_before and self._gone <= gone_before

    def _tell(self, wrong: dict[str, _Wrong]) -> None:
        """Log what is wrong, once; and what is no more."""
        for subject, one in wrong.items():
            if self._wrong.get(subject) != one:
                level = logging.INFO if one.passes else logging.ERROR
                logger.log(level, "connectors.dir: %s: %s", subject, one.message)
        for subject in self._wrong.keys() - wrong.keys():
            logger.info("connectors.dir: %s: it is right now", subject)
        self._wrong = wrong

    # -- what was named before ---------------------------------------------------------------------------------------

    def _remembered(self) -> dict[str, str]:
        try:
            stored: Any = orjson.loads(self._record.read_bytes())
            if stored["folder"] == str(self._folder.absolute()):
                return {str(name): str(file) for name, file in stored["connectors"].items()}
            logger.warning("connectors.dir was %s before: what its files named is not deleted", stored["folder"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            logger.warning("%s cannot be read, so what files named before is not deleted: %s", self._record, error)
        return {}

    def _remember(self) -> None:
        text = orjson.dumps({"folder": str(self._folder.absolute()), "connectors": self._owned}).decode()
        try:
            if not self._record.is_file() or self._record.read_text() != text:
                write_private(self._record, text)
        except OSError as error:
            raise EnvironmentFault(f"{self._record} cannot be written: {error.strerror}") from error


class _Opened:
    """A folder that is held open, so that no other one can have its device and inode: one that is removed and made
    again often gets the same inode. Given back with the object."""

    def __init__(self, folder: Path) -> None:
        # Of Linux: what cannot be read is told by who lists it.
        self._fd = os.open(folder, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY)
        found = os.fstat(self._fd)
        self._identity = found.st_dev, found.st_ino

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Opened) and self._identity == other._identity

    __hash__ = None  # type: ignore[assignment]

    def __del__(self) -> None:
        if (fd := getattr(self, "_fd", None)) is not None:
            os.close(fd)


def _read_all(folder: Path) -> tuple[_Opened, dict[str, _Read]]:
    """Return what tells a folder from another, and its files by their names, in order. On any thread but the loop's.

    Raises:
        OSError: The folder cannot be listed, or another one took its place meanwhile.
    """
    opened = _Opened(folder)
    paths = config_files(folder)
    if len(paths) > FILES_MAX:  # of some nobody would know, and their connectors would seem to be named no more
        raise OSError(errno.EFBIG, f"it has {len(paths):,} configs, and {FILES_MAX:,} at most are expected")
    files = {_as_text(path.name): _read(path) for path in paths}
    if _Opened(folder) != opened:
        raise OSError(errno.ESTALE, "another folder has taken its place while it was read")
    return opened, files


def _as_text(name: str) -> str:
    """Return a file's name as text, which bytes that are no UTF-8 are not: it is remembered, logged and told of."""
    return name.encode("utf-8", "backslashreplace").decode()


def _read(path: Path) -> _Read:
    try:
        size = path.stat().st_size
        if size > BYTES_MAX:
            raise ConfigError(f"{path} has {size} bytes; a config of at most {BYTES_MAX} is expected")
        digest = hashlib.sha256(path.read_bytes()).digest()
        return _Read(digest, connector_file(path))
    except ConfigError as error:
        return _Read(b"", error)
    except OSError as error:
        return _Read(b"", ConfigError(f"{path} cannot be read: {error.strerror}", code="config.unreadable"))


def _named(files: Mapping[str, _Read], wrong: dict[str, _Wrong]) -> dict[str, ConnectorFile]:
    """Return what files name a connector each; of two that name the same one the first in order counts."""
    found: dict[str, ConnectorFile] = {}
    by_name: dict[str, str] = {}
    for file, read in files.items():
        if isinstance(read.content, ConfigError):
            wrong[file] = _Wrong.of(read.content)
        elif (other := by_name.setdefault(read.content.name, file)) != file:
            told = f"connector {read.content.name!r} is named by {other} already; name each in one file alone"
            wrong[file] = _Wrong(told)
        else:
            found[file] = read.content
    return found
