from __future__ import annotations

import asyncio
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from connect.api import ConfigError
from connect.runtime import plugin_refresh
from connect.runtime.border.calls import PluginTimeoutError, aside
from connect.runtime.model import PluginKind, State
from connect.runtime.plugins import PluginHost
from tests.runtime.test_plugin_sources import make_distribution
from tests.support.doors import assert_error
from tests.support.worker import STRING, RunningWorker, running_worker

TRANSFORM = """
from connect.api import Transform, hookimpl, register_code
register_code("test.{name}", "It is {word}.", "Do it.")
class {cls}(Transform):
    word = "{word}"
@hookimpl
def connect_transforms():
    return [{cls}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "plugins"
    path.mkdir()
    yield path
    for name in [name for name in sys.modules if name.startswith("fresh")]:
        del sys.modules[name]


def write(folder: Path, name: str, word: str, cls: str | None = None) -> None:
    (folder / f"{name}.py").write_text(TRANSFORM.format(name=name, word=word, cls=cls or name.title()))


def word(host: PluginHost, name: str) -> str:
    return host.any(name).cls.word  # type: ignore[attr-defined,no-any-return]


# -- the host --------------------------------------------------------------------------------------------------------


def test_a_plugin_that_comes_changes_and_goes_is_told_so(folder: Path) -> None:
    host = PluginHost.discover([folder])
    write(folder, "fresha", "one")
    assert host.refresh().added == ("fresha",)
    before = host.snapshot()
    write(folder, "fresha", "two")  # of the same size, within the same second
    assert host.refresh().changed == ("fresha",)
    assert (word(before, "Fresha"), word(host, "Fresha")) == ("one", "two")
    (folder / "fresha.py").unlink()
    assert host.refresh().removed == ("fresha",)
    with pytest.raises(ConfigError, match=r"the plugin that had it is gone, or has it no more: .*fresha\.py"):
        host.resolve("Fresha", PluginKind.TRANSFORM)
    write(folder, "fresha", "three")
    assert host.refresh().added == ("fresha",)


def test_nothing_new_leaves_every_class_as_it_is(folder: Path) -> None:
    write(folder, "freshb", "one")
    host = PluginHost.discover([folder])
    before = [desc.cls for desc in host.list()]
    found = host.refresh()
    assert (found.added, found.changed, found.removed, found.broken) == ((), (), (), ())
    assert [desc.cls for desc in host.list()] == before


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("import no_such_module_at_all\n", "no_such_module_at_all"),
        ("def (:\n", "SyntaxError"),
        ("raise SystemExit(3)\n", "SystemExit"),
        ("import threading\nthreading.Event().wait(20)\n", "did not end within"),
        (TRANSFORM.format(name="freshc", word="x", cls="Freshc").replace("[Freshc]", "[3]"), "no subclass of"),
        (TRANSFORM.format(name="freshc", word="x", cls="Freshc").replace("return", "raise OSError"), "OSError"),
    ],
)
def test_one_that_breaks_stays_as_it_was_and_is_told_of_until_it_is_mended(folder: Path, text: str, cause: str) -> None:
    write(folder, "freshc", "one")
    write(folder, "freshd", "one")
    host = PluginHost.discover([folder], timeout_s=5.0)
    module = sys.modules["freshc"]
    host.timeout_s = 0.3
    (folder / "freshc.py").write_text(text)
    write(folder, "freshd", "two")
    host_told = host.refresh()
    assert (host_told.changed, [b.name for b in host_told.broken]) == (("freshd",), ["freshc"])
    assert cause in host_told.broken[0].cause
    assert "what was loaded before goes on" in host_told.broken[0].cause
    assert (word(host, "Freshc"), sys.modules["freshc"]) == ("one", module)
    host.timeout_s = 5.0
    write(folder, "freshc", "three")
    assert (host.refresh().changed, list(host.broken), word(host, "Freshc")) == (("freshc",), [], "three")


def test_one_that_was_broken_is_tried_again_since_what_it_needs_may_have_come(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "freshe.py").write_text("import freshlib\n" + TRANSFORM.format(name="freshe", word="one", cls="Freshe"))
    host = PluginHost.discover([folder])
    assert [b.name for b in host.broken] == ["freshe"]
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "freshlib.py").write_text("")
    assert host.refresh(retry=False).added == ()
    assert (host.refresh().added, list(host.broken)) == (("freshe",), [])


def test_a_package_is_taken_whole_with_all_of_its_modules_and_what_imports_it(folder: Path) -> None:
    package = folder / "freshf"
    package.mkdir()
    init = "from freshf.part import WORD\n" + TRANSFORM.format(name="freshf", word="x", cls="Freshf")
    (package / "__init__.py").write_text(init.replace('word = "x"', "word = WORD"))
    (package / "part.py").write_text("WORD = 'one'\n")
    (folder / "freshg.py").write_text(
        "from freshf.part import WORD\n"
        + TRANSFORM.format(name="freshg", word="x", cls="Freshg").replace('word = "x"', "word = WORD")
    )
    write(folder, "freshh", "one")
    host = PluginHost.discover([folder])
    (package / "part.py").write_text("WORD = 'two'\n")
    assert host.refresh().changed == ("freshf", "freshg")
    assert (word(host, "Freshf"), word(host, "Freshg")) == ("two", "two")


def test_two_plugins_of_one_name_and_one_named_as_a_module_in_use_are_refused(folder: Path) -> None:
    other = folder.parent / "more"
    other.mkdir()
    write(folder, "freshi", "one")
    host = PluginHost.discover([folder, other])
    write(other, "freshi", "two")
    (other / "json.py").write_text(TRANSFORM.format(name="json", word="x", cls="Json"))
    json = sys.modules["json"]
    told = {b.name: b.cause for b in host.refresh().broken}
    assert told["freshi"] == "another plugin is named freshi"
    assert "has the name of a module that is in use, json" in told["json"]
    assert (word(host, "Freshi"), sys.modules["json"]) == ("one", json)


def test_a_distribution_that_is_installed_updated_and_uninstalled_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    host = PluginHost.discover()
    bundled = {desc.name: desc.cls for desc in host.list()}
    write(tmp_path, "freshj", "one")
    make_distribution(tmp_path, "fresh-j", "1.0", "freshj = freshj")
    assert host.refresh().added == ("freshj",)
    assert host.any("Freshj").cls.version == "1.0"
    shutil.rmtree(tmp_path / "fresh-j-1.0.dist-info")
    make_distribution(tmp_path, "fresh-j", "1.1", "freshj = freshj")
    write(tmp_path, "freshj", "two")
    assert host.refresh().changed == ("freshj",)
    assert (host.any("Freshj").cls.version, word(host, "Freshj")) == ("1.1", "two")
    shutil.rmtree(tmp_path / "fresh-j-1.1.dist-info")
    assert host.refresh().removed == ("freshj",)
    assert {desc.name: desc.cls for desc in host.list()} == bundled


def test_one_whose_files_change_while_it_is_loaded_stays_as_it_was(folder: Path) -> None:
    write(folder, "freshn", "one")
    host = PluginHost.discover([folder])
    restless = "from pathlib import Path\nown = Path(__file__)\nown.write_text(own.read_text() + '#\\n')\n"
    (folder / "freshn.py").write_text(restless + TRANSFORM.format(name="freshn", word="two", cls="Freshn"))
    (broken,) = host.refresh().broken
    assert broken.cause == "its files change while it is loaded; what was loaded before goes on"
    assert word(host, "Freshn") == "one"
    assert (folder / "freshn.py").read_text().count("#") == 4  # one of its own text, and of three attempts
    write(folder, "freshn", "three")
    assert host.refresh(retry=False).changed == ("freshn",)


def test_one_with_compiled_modules_waits_for_the_next_start(folder: Path) -> None:
    package = folder / "fresho"
    package.mkdir()
    (package / "__init__.py").write_text(TRANSFORM.format(name="fresho", word="one", cls="Fresho"))
    host = PluginHost.discover([folder])
    native = sys.modules["fresho.native"] = ModuleType("fresho.native")
    native.__loader__ = ExtensionFileLoader("fresho.native", "native.so")
    (package / "__init__.py").write_text(TRANSFORM.format(name="fresho", word="two", cls="Fresho"))
    (broken,) = host.refresh().broken
    assert "its module fresho.native is compiled" in broken.cause
    assert (word(host, "Fresho"), sys.modules["fresho.native"]) == ("one", native)


@pytest.mark.parametrize("name", ["connect", "json", "pydantic"])
def test_one_named_as_a_module_in_use_touches_nothing_of_it_however_often_it_is_looked_at(
    folder: Path, name: str
) -> None:
    host = PluginHost.discover([folder])
    theirs = {n: module for n, module in sys.modules.items() if n.partition(".")[0] == name}
    try:
        for text in ("X = 1\n", "X = 22\n", "X = 333\n"):
            (folder / f"{name}.py").write_text(text)
            assert [broken.name for broken in host.refresh().broken] == [name]
            assert {n: sys.modules.get(n) for n in theirs} == theirs
    finally:
        sys.modules.update(theirs)


def test_a_folder_of_data_named_as_a_package_in_use_touches_nothing_of_it(folder: Path) -> None:
    host = PluginHost.discover([folder])
    theirs = {n: module for n, module in sys.modules.items() if n.partition(".")[0] == "connect"}
    (folder / "connect").mkdir()
    (folder / "connect" / "table.csv").write_text("a")
    try:
        host.refresh()
        (folder / "connect" / "table.csv").write_text("abc")
        write(folder, "freshp", "one")
        found = host.refresh()
        assert (found.added, found.broken) == (("freshp",), ())
        assert {n: sys.modules.get(n) for n in theirs} == theirs
    finally:
        sys.modules.update(theirs)


def test_one_named_as_a_library_that_is_installed_and_not_imported_yet_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site" / "freshlibrary").mkdir(parents=True)
    (tmp_path / "site" / "freshlibrary" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    write(folder, "freshlibrary", "one")
    (broken,) = PluginHost.discover([folder]).broken
    assert "has the name of a module that is in use, freshlibrary" in broken.cause
    import freshlibrary

    assert Path(freshlibrary.__file__).parent.parent == tmp_path / "site"


def test_the_text_of_a_file_counts_whatever_its_times_and_its_compiled_form_say(folder: Path) -> None:
    def written(word: str) -> None:
        write(folder, "freshq", word)
        os.utime(folder / "freshq.py", (1e9, 1e9))

    written("one")
    host = PluginHost.discover([folder])
    written("two")  # of the same size, and of the same time
    assert (host.refresh().changed, word(host, "Freshq")) == (("freshq",), "two")
    (folder / "freshq.py").unlink()
    host.refresh()
    written("six")
    assert (host.refresh().added, word(host, "Freshq")) == (("freshq",), "six")


@pytest.mark.parametrize(
    "name", [".__init__.py.swp", "4913", "__init__.py~", "#__init__.py#", ".#__init__.py", "x.swp", "__init__.py.bak"]
)
def test_what_an_editor_leaves_beside_a_package_does_not_change_it(folder: Path, name: str) -> None:
    (folder / "freshr").mkdir()
    (folder / "freshr" / "__init__.py").write_text(TRANSFORM.format(name="freshr", word="one", cls="Freshr"))
    host = PluginHost.discover([folder])
    (folder / "freshr" / name).write_text("")
    assert host.refresh().changed == ()
    (folder / "freshr" / "table.sql").write_text("")
    assert host.refresh().changed == ("freshr",)


def test_a_plugin_that_writes_into_its_own_folder_as_it_is_imported_has_not_changed_by_that(folder: Path) -> None:
    (folder / "freshs").mkdir()
    init = folder / "freshs" / "__init__.py"
    cache = "import time, pathlib\npathlib.Path(__file__).with_name('cache.txt').write_text(str(time.time_ns()))\n"
    init.write_text(cache + TRANSFORM.format(name="freshs", word="one", cls="Freshs"))
    host = PluginHost.discover([folder])
    assert (host.refresh().changed, list(host.broken)) == (("freshs",), [])  # a start does not look twice
    assert (host.refresh().changed, list(host.broken)) == ((), [])
    init.write_text(cache + TRANSFORM.format(name="freshs", word="three", cls="Freshs"))
    assert (host.refresh().changed, list(host.broken)) == (("freshs",), [])
    assert host.refresh().changed == ()


def test_a_pipe_in_a_folder_is_not_read(folder: Path) -> None:
    (folder / "fresht").mkdir()
    (folder / "fresht" / "__init__.py").write_text(TRANSFORM.format(name="fresht", word="one", cls="Fresht"))
    os.mkfifo(folder / "fresht" / "pipe.py")
    host = PluginHost.discover([folder])
    write(folder, "freshu", "one")
    assert aside(host.refresh, 10.0, "refresh").added == ("freshu",)


@pytest.mark.parametrize("name", ["freshv.bak", "fresh\nv", "fresh\udcff", "fresh\x1b[31m"])
def test_a_file_whose_name_is_no_modules_is_told_of_in_plain_text_and_takes_no_plugins_name(
    folder: Path, name: str
) -> None:
    write(folder, "freshv", "one")
    (folder / f"{name}.py").write_text(TRANSFORM.format(name="freshv", word="old", cls="Freshv"))
    host = PluginHost.discover([folder])
    (broken,) = host.broken
    assert "is no name of a module" in broken.cause
    assert f"{broken.name}{broken.origin}{broken.cause}".isprintable()
    assert word(host, "Freshv") == "one"


def test_a_part_that_hung_as_it_was_imported_is_taken_once_it_is_mended(folder: Path) -> None:
    (folder / "freshw").mkdir()
    text = "from freshw import part\n" + TRANSFORM.format(name="freshw", word="one", cls="Freshw")
    (folder / "freshw" / "__init__.py").write_text(text)
    (folder / "freshw" / "part.py").write_text("import threading\nthreading.Event().wait(20)\n")
    host = PluginHost.discover([folder], timeout_s=0.3)
    before = threading.active_count()
    for _ in range(3):
        assert [broken.name for broken in host.refresh().broken] == ["freshw"]
    assert threading.active_count() == before  # it is not begun anew while it hangs
    host.timeout_s = 10.0
    (folder / "freshw" / "part.py").write_text("")
    assert (host.refresh().added, list(host.broken)) == (("freshw",), [])


@pytest.mark.parametrize(
    ("entry", "cause"),
    [(b"[connect]\nbad = !!! 1\n", "expected the name of a module"), (b"[connect]\n\xff\xfe = x\n", None)],
)
def test_a_distribution_whose_metadata_is_broken_takes_no_other_plugin_with_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    entry: bytes,
    cause: str | None,
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    host = PluginHost.discover([folder])
    bundled = len(host.list())
    make_distribution(tmp_path, "bad-d", "1.0", "bad = nothing")
    (tmp_path / "bad-d-1.0.dist-info" / "entry_points.txt").write_bytes(entry)
    write(folder, "freshx", "one")
    found = host.refresh()
    assert (found.added, len(host.list())) == (("freshx",), bundled + 1)
    if cause is None:
        assert "bad-d-1.0.dist-info cannot be read, and its plugins are left out" in caplog.text
    else:
        assert cause in found.broken[0].cause


def test_an_entry_of_a_folder_that_cannot_be_read_takes_no_neighbour_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "freshz", "one")
    (folder / "closed").mkdir()
    own = Path.is_file

    def refused(path: Path) -> bool:
        if path.parent.name == "closed":  # who runs tests as root may read all
            raise PermissionError(13, "Permission denied", str(path))
        return own(path)

    monkeypatch.setattr(Path, "is_file", refused)
    host = PluginHost.discover([folder])
    assert [(broken.name, "it cannot be read" in broken.cause) for broken in host.broken] == [("closed", True)]
    assert word(host, "Freshz") == "one"


def test_a_folder_that_goes_while_it_is_looked_at_is_told_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "freshy", "one")
    host = PluginHost.discover([folder])
    own = Path.iterdir

    def going(path: Path) -> Iterator[Path]:
        if path == folder and path.exists():
            shutil.rmtree(path)
        return own(path)

    monkeypatch.setattr(Path, "iterdir", going)
    found = host.refresh()
    assert found.removed == ("freshy",)
    assert "which is no folder" in found.broken[0].cause


# -- the worker ------------------------------------------------------------------------------------------------------

SOURCE = """
from pathlib import Path
from connect.api import Config, SourceConnector, SourceTask, Record, config_key, hookimpl
def note(line):
    with Path("{journal}").open("a") as file:
        file.write(line)
class FreshkConfig(Config):
    topic: str = config_key("Where to.")
class FreshkTask(SourceTask[FreshkConfig]):
    n = 0
    def poll(self):
        self.n += 1
        self.context.stopping.wait(0.01)
        return Record(self.config.topic, "{word}")
class Freshk(SourceConnector[FreshkConfig]):
    task_class = FreshkTask
@hookimpl
def connect_connectors():
    return [Freshk]
@hookimpl
def connect_worker_started(version):
    note("{word} started\\n")
@hookimpl
def connect_worker_stopped():
    note("{word} stopped\\n")
"""


async def values_of(worker: RunningWorker) -> set[bytes | None]:
    return set(await worker.values("t"))


@pytest.mark.slow
async def test_a_running_connector_keeps_its_code_until_it_is_restarted_with_its_tasks(
    tmp_path: Path, folder: Path
) -> None:
    journal = tmp_path / "journal.txt"
    config = {"connector.class": "Freshk", "topic": "t", "value.converter": STRING}
    async with running_worker(tmp_path, plugin_path=str(folder), plugin_path_watch="false") as worker:
        herder, refresh = worker.herder, worker.herder.base.plugin_refresh
        (folder / "freshk.py").write_text(SOURCE.format(word="one", journal=journal))
        assert (await refresh.refresh()).found.added == ("freshk",)
        await worker.until(lambda: journal.is_file() and journal.read_text() == "one started\n")
        await herder.create("c", config)
        await worker.until_state("c", State.RUNNING, tasks=1)
        (folder / "freshk.py").write_text(SOURCE.format(word="two", journal=journal))
        report = await refresh.refresh()
        assert (report.found.changed, report.outdated) == (("freshk",), ("c",))
        await worker.until(lambda: journal.read_text() == "one started\none stopped\ntwo started\n")
        assert [(n.code, n.subject) for n in herder.notices()] == [("plugin.outdated", "c")]

        # A task is what its connector is.
        await herder.restart_task("c", 0)
        await worker.until_state("c", State.RUNNING, tasks=1)
        at = worker.records("c")
        await worker.until(lambda: worker.records("c") > at + 2)
        assert await values_of(worker) == {b"one"}

        # So one that is restarted alone takes its tasks with it.
        await herder.restart("c", include_tasks=False, only_failed=False)
        await worker.until(lambda: refresh.outdated() == ())
        await worker.until_state("c", State.RUNNING, tasks=1)
        at = worker.records("c")
        await worker.until(lambda: worker.records("c") > at + 2)
        assert await values_of(worker) == {b"one", b"two"}

        (folder / "freshk.py").unlink()
        report = await refresh.refresh()
        assert (report.found.removed, report.outdated) == (("freshk",), ("c",))
        at = worker.records("c")
        await worker.until(lambda: worker.records("c") > at + 2)
        with pytest.raises(ConfigError, match="the plugin that had it is gone"):
            await herder.create("d", config)


async def test_a_plugin_that_is_put_into_a_watched_folder_is_there_without_being_asked_for(
    tmp_path: Path, folder: Path
) -> None:
    async with running_worker(tmp_path, plugin_path=str(folder)) as worker:
        write(folder, "freshl", "one")
        await worker.until(lambda: worker.herder.plugins.find("Freshl", PluginKind.TRANSFORM) is not None)
        write(folder, "freshl", "two")
        await worker.until(lambda: word(worker.herder.plugins, "Freshl") == "two")


async def test_refreshes_that_come_together_are_one_and_one_that_hangs_is_waited_for_so_long(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, looks = threading.Event(), []
    async with running_worker(tmp_path, plugin_path=str(folder), plugin_path_watch="false") as worker:
        refresh, host = worker.herder.base.plugin_refresh, worker.herder.plugins
        own = host.refresh

        def slow(*, retry: bool = True) -> object:
            looks.append(retry)
            assert gate.wait(30)
            return own(retry=retry)

        monkeypatch.setattr(host, "refresh", slow)
        monkeypatch.setattr(plugin_refresh, "WAIT_S", 0.05)
        with pytest.raises(PluginTimeoutError, match=r"still being loaded after 0\.05 s"):
            await refresh.refresh()
        monkeypatch.setattr(plugin_refresh, "WAIT_S", 30.0)
        write(folder, "freshm", "one")  # the first look may have been there before
        waiting = [asyncio.create_task(refresh.refresh()) for _ in range(5)]
        await asyncio.sleep(0)
        gate.set()
        reports = await asyncio.gather(*waiting)
        assert len(looks) == 2
        assert len(set(map(id, reports))) == 1
        assert host.find("Freshm", PluginKind.TRANSFORM) is not None


async def test_a_refresh_that_the_workers_end_cuts_off_says_so_and_so_does_one_that_comes_later(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, begun = threading.Event(), threading.Event()
    async with running_worker(tmp_path, plugin_path=str(folder), plugin_path_watch="false") as worker:
        refresh, host = worker.herder.base.plugin_refresh, worker.herder.plugins
        own = host.refresh

        def slow(*, retry: bool = True) -> object:
            begun.set()
            assert gate.wait(30)
            return own(retry=retry)

        monkeypatch.setattr(host, "refresh", slow)
        waiting = [asyncio.create_task(worker.client.post("/v1/plugins/refresh")) for _ in range(2)]
        await worker.until(begun.is_set)
        await asyncio.sleep(0)
        await refresh.aclose()
        try:
            waiting.append(asyncio.create_task(worker.client.post("/v1/plugins/refresh")))
            for answer in await asyncio.wait_for(asyncio.gather(*waiting), 10):
                assert_error(answer, 503, "worker.stopping")
        finally:
            gate.set()


async def test_tasks_that_are_to_be_restarted_are_shown_as_they_are_where_the_plugin_is_gone(
    tmp_path: Path, folder: Path
) -> None:
    config = {"connector.class": "Freshk", "topic": "t", "value.converter": STRING}
    async with running_worker(tmp_path, plugin_path=str(folder), plugin_path_watch="false") as worker:
        herder, refresh = worker.herder, worker.herder.base.plugin_refresh
        (folder / "freshk.py").write_text(SOURCE.format(word="one", journal=tmp_path / "journal.txt"))
        await refresh.refresh()
        await herder.create("c", config)
        await worker.until_state("c", State.RUNNING, tasks=1)
        (folder / "freshk.py").unlink()
        assert (await refresh.refresh()).found.removed == ("freshk",)
        await herder.restart("c", include_tasks=True, only_failed=False)
        await worker.until(lambda: herder.status("c").connector.state is State.FAILED)
        assert "the plugin that had it is gone" in (herder.status("c").connector.trace or "")
        at = worker.records("c")
        await worker.until(lambda: worker.records("c") > at + 2)
        assert [task.state for task in herder.status("c").tasks] == [State.RUNNING]
        # It is there again: a restart of what failed brings the connector back, and its task stays what it is.
        (folder / "freshk.py").write_text(SOURCE.format(word="two", journal=tmp_path / "journal.txt"))
        await refresh.refresh()
        await herder.restart("c", include_tasks=True, only_failed=False)
        await worker.until_state("c", State.RUNNING, tasks=1)
        at = worker.records("c")
        await worker.until(lambda: worker.records("c") > at + 2)
        assert await values_of(worker) == {b"one", b"two"}


async def test_a_task_that_is_restarted_where_its_plugin_is_gone_goes_on_as_its_connector_does(
    tmp_path: Path, folder: Path
) -> None:
    config = {"connector.class": "Freshk", "topic": "t", "value.converter": STRING}
    async with running_worker(tmp_path, plugin_path=str(folder), plugin_path_watch="false") as worker:
        herder, refresh = worker.herder, worker.herder.base.plugin_refresh
        (folder / "freshk.py").write_text(SOURCE.format(word="one", journal=tmp_path / "journal.txt"))
        await refresh.refresh()
        await herder.create("c", config)
        await worker.until_state("c", State.RUNNING, tasks=1)
        (folder / "freshk.py").unlink()
        await refresh.refresh()
        await herder.restart("c", include_tasks=False, only_failed=False)
        await worker.until(lambda: herder.status("c").connector.state is State.FAILED)
        await herder.restart_task("c", 0)
        await worker.until(lambda: herder.status("c").tasks[0].state is not State.RESTARTING)
        assert herder.status("c").tasks[0].state is State.RUNNING
        at = worker.records("c")
        await worker.until(lambda: worker.records("c") > at + 2)
