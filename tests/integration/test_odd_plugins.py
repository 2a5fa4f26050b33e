"""Odd plugins beside a healthy connector: it goes on at its rate, each culprit is named, the worker ends in time and
comes up again."""

from __future__ import annotations

import math
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import tests.support.unruly_plugins as unruly_plugins
from tests.support.busy import slowness
from tests.support.plain import NO_TLS
from tests.support.worker import STRING, WorkerProcess

GRACE_S = 2.0
#: What is promised beside the grace time, on a machine that does nothing else.
EXTRA_S = 2.0


@dataclass(slots=True)
class Worker:
    """A worker. `slowness` is the machine's before it began, since a load of its own gives it no more time."""

    process: WorkerProcess
    client: httpx.Client
    slowness: float

    def in_time(self, took_s: float) -> bool:
        return took_s < GRACE_S + EXTRA_S * self.slowness

    def get(self, path: str) -> Any:
        return self.client.get(path).json()

    def create(self, name: str, cls: str, **config: str) -> httpx.Response:
        keys = {k.replace("__", "."): v for k, v in config.items()}
        own = cls if "." in cls or cls == "DatagenConnector" else f"unruly_plugins.{cls}"
        full = {"connector.class": own, "key.converter": STRING, "value.converter": STRING, **keys}
        return self.client.post("/connectors", json={"name": name, "config": full})

    def warned(self, code: str) -> dict[str, str]:
        return {w["subject"]: w["message"] for w in self.get("/v1/warnings")["warnings"] if w["code"] == code}

    def rate(self, seconds: float) -> float:
        rows = self.client.get("/v1/throughput", params={"window_ms": int(seconds * 1000)}).json()["tasks"]
        return sum(row["records_per_second"] for row in rows if row["connector"] == "healthy")

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Ask the worker to end; return its exit code and how long it took."""
        began = time.monotonic()
        self.process.process.send_signal(number)
        return self.process.process.wait(60), time.monotonic() - began


@contextmanager
def worker(tmp_path: Path, **config: str) -> Iterator[Worker]:
    slowness_before = slowness()
    plugins = tmp_path / "plugins"
    if not plugins.exists():
        plugins.mkdir()
        shutil.copy(unruly_plugins.__file__, plugins / "unruly_plugins.py")
    keys = {
        "plugin.path": str(plugins), "task.shutdown.graceful.timeout.ms": str(int(GRACE_S * 1000)),
        "plugin.call.timeout.ms": "3000", "plugin.check.timeout.ms": "1000", "plugin.import.timeout.ms": "15000",
        "offset.flush.interval.ms": "300", **{k.replace("_", "."): v for k, v in config.items()},
    }  # fmt: skip
    path = tmp_path / "worker.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in keys.items()))
    with (
        WorkerProcess(tmp_path / "data", "--config", path) as process,
        httpx.Client(base_url=process.url(), timeout=60, verify=NO_TLS) as client,
    ):
        yield Worker(process, client, slowness_before)


def until(condition: Callable[[], Any], *, deadline_s: float = 60.0, what: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


#: name: class, how, and what its trace has to say.
FAILING: dict[str, tuple[str, str, str]] = {
    **{f"poll-{what}": ("OddSource", f"poll:{what}", "poll of task") for what in unruly_plugins.RAISED},
    **{f"apoll-{what}": ("OddAsyncSource", f"poll:{what}", "of task") for what in unruly_plugins.RAISED},
    "poll-recurse": ("OddSource", "poll:recurse", "RecursionError"),
    "poll-dict": ("OddSource", "poll:dict", "poll returned dict; expected Record"),
    "poll-number": ("OddSource", "poll:number", "poll returned int 42"),
    "poll-texts": ("OddSource", "poll:texts", "poll returned a list with str 'a' in it"),
    "apoll-dict": ("OddAsyncSource", "poll:dict", "poll returned dict; expected Record"),
    "poll-topic": ("OddSource", "poll:topic-none", "topic = None"),
    "poll-timestamp": ("OddSource", "poll:timestamp-text", "timestamp = str 'now'"),
    "poll-offset": ("OddSource", "poll:offset-object", "source_offset['n'] = object"),
    "poll-offset-text": ("OddSource", "poll:offset-text", "source_offset = str 'abc'"),
    "poll-nan": ("OddSource", "poll:partition-nan", "source_partition['p'] = float nan"),
    "task-start-exit": ("OddSource", "task-start:exit", "start of task"),
    "task-start-hang": (
        "OddSource",
        "task-start:hang",
        "start of task task-start-hang-0, unruly_plugins.OddSource did not return",
    ),
    "atask-start-hang": ("OddAsyncSource", "task-start:hang", "did not return"),
    "task-configure-exit": ("OddSource", "task-configure:exit", "SystemExit: 3"),
    "start-exit": ("OddSource", "start:exit", "start of connector"),
    "astart-base": ("OddAsyncSource", "start:base", "BaseException: bare (start of connector"),
    "start-hang": ("OddSource", "start:hang", "start of connector start-hang, unruly_plugins.OddSource did not return"),
    "astart-hang": ("OddAsyncSource", "start:hang", "did not return"),
    "configure-interrupt": ("OddSource", "connector-configure:interrupt", "KeyboardInterrupt"),
    "constructed": ("OddConstructed", "", "SystemExit: 7"),
    "task-constructed": ("OddTaskConstructed", "", "SystemExit: 8"),
    "configs-none": ("OddSource", "task-configs:none", "task_configs returned None"),
    "configs-number": ("OddSource", "task-configs:config-number", "task 0's 'topic' = int 5"),
    "configs-exit": ("OddSource", "task-configs:exit", "task_configs of connector"),
    "configs-hang": ("OddSource", "task-configs:hang", "task_configs of connector"),
    "put-exit": ("OddSink", "put:exit", "put of task"),
    "aput-cancel": ("OddAsyncSink", "put:cancel", "of task"),
    "open-type": ("OddSink", "open:type", "TypeError: a bug (open of task"),
    "flush-exit": ("OddSink", "flush:exit", "flush of task"),
    "aflush-hang": ("OddAsyncSink", "flush:hang", "flush of task"),
}
#: What is RUNNING, and named in /v1/warnings; or only shows when it is to end.
HANGING: dict[str, tuple[str, str, str]] = {
    "poll-hang": ("OddSource", "poll:hang", "has been in poll for"),
    "poll-swallow": ("OddSource", "poll:swallow", "has been in poll for"),
    "apoll-hang": ("OddAsyncSource", "poll:hang", "has been in poll_batch for"),
    "apoll-swallow": ("OddAsyncSource", "poll:swallow", "has been in poll_batch for"),
    "put-hang": ("OddSink", "put:hang", "has been in put for"),
    "aput-swallow": ("OddAsyncSink", "put:swallow", "has been in put_batch for"),
}
QUIET: dict[str, tuple[str, str]] = {
    "stop-exit": ("OddSource", "stop:exit"),
    "stop-hang": ("OddSource", "stop:hang"),
    "close-hang": ("OddSource", "close:hang"),
    "task-stop-exit": ("OddSource", "task-stop:exit"),
    "task-stop-hang": ("OddSource", "task-stop:hang"),
    "atask-stop-swallow": ("OddAsyncSource", "task-stop:swallow"),
    "task-close-hang": ("OddSource", "task-close:hang"),
    "partitions-exit": ("OddSink", "close-partitions:exit"),
    "apartitions-hang": ("OddAsyncSink", "close-partitions:hang"),
    "commit-exit": ("OddSource", "commit:exit"),
    "thread": ("OddSource", "poll:thread"),
    "poll-none": ("OddSource", "poll:none"),
}


@pytest.mark.slow
def test_odd_plugins_beside_a_healthy_one(tmp_path: Path) -> None:
    with worker(tmp_path) as running:
        made = running.create(
            "healthy", "DatagenConnector", quickstart="users", kafka__topic="healthy", max__interval="20"
        )
        assert made.status_code == 201, made.text
        until(lambda: running.rate(0.5) > 0)
        usual = max(running.rate(2), running.rate(2))
        for name, (cls, how, *_) in [*FAILING.items(), *HANGING.items(), *QUIET.items()]:
            made = running.create(name, cls, how=how, **({"topics": "healthy"} if "Sink" in cls else {}))
            assert made.status_code == 201, made.text
        _assert_each_is_named(running)
        # In any window, since the machine's own load is no fault of the plugins.
        until(lambda: running.rate(2) >= 0.8 * usual, what=lambda: f"{running.rate(2)} of {usual} records/s")
        code, took_s = running.stop()
        log = running.process.log
        assert running.in_time(took_s), log[-3000:]
        assert code in (0, 143), log[-3000:]
        assert "poll of unruly_plugins.OddSource still runs" in log
    # None of it keeps the worker from coming up again, and it can be mended over REST.
    with worker(tmp_path) as running:
        names = set(running.get("/connectors"))
        assert {*FAILING, *HANGING, *QUIET, "healthy"} == names
        until(lambda: running.rate(0.5) > 0)
        assert running.client.delete("/connectors/poll-exit").status_code == 204
        code, took_s = running.stop(signal.SIGINT)
        assert running.in_time(took_s), running.process.log[-3000:]
        assert code in (0, 130)


def _assert_each_is_named(running: Worker) -> None:
    missing: dict[str, str] = {}

    def all_failed() -> bool:
        missing.clear()
        states = running.client.get("/connectors", params={"expand": "status"}).json()
        for name, (_, _, words) in FAILING.items():
            status = states[name]["status"]
            traces = [s.get("trace", "") for s in (status["connector"], *status["tasks"]) if s["state"] == "FAILED"]
            if not any(words in trace.splitlines()[0] for trace in traces):
                missing[name] = f"{words!r} is not in {status}"
        return not missing

    until(all_failed, what=lambda: "\n".join(missing.values()))

    def all_warned() -> bool:
        told = running.warned("plugin.slow")
        missing.clear()
        missing.update({n: words for n, (_, _, words) in HANGING.items() if words not in told.get(f"{n}-0", "")})
        return not missing

    until(all_warned, what=lambda: f"{missing} are not in {running.warned('plugin.slow')}")
    failed = running.warned("task.failed") | running.warned("connector.failed")
    assert {name.removesuffix("-0") for name in failed} >= FAILING.keys()
    until(lambda: "commit of task commit-exit-0" in running.process.log)
    for name, (cls, how, _) in FAILING.items():
        assert f"{name}|" in running.process.log, (cls, how)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["hold", pytest.param("hold-spin", marks=pytest.mark.night)])
def test_async_code_that_blocks_for_ever_cannot_keep_the_worker_from_a_clean_end(tmp_path: Path, how: str) -> None:
    with worker(tmp_path) as running:
        running.create("x", "OddAsyncSource", how=f"poll:{how}")
        until(lambda: "poll_batch of task x-0, unruly_plugins.OddAsyncSource blocks it" in running.process.log)
        assert "the event loop stands" in running.process.log
        assert "unruly_plugins.py" in running.process.log
        code, took_s = running.stop()
        assert code == 0, running.process.log[-3000:]
        assert running.in_time(took_s)


@pytest.mark.slow
def test_what_a_plugin_begins_by_itself_neither_ends_the_worker_nor_keeps_it(tmp_path: Path) -> None:
    ways = ("task-exits", "callback-exits", "takes-signals", "task-hangs-on-a-thread", "thread")
    with worker(tmp_path) as running:
        for way in ways:
            assert running.create(way, "OddAsyncSource", how=f"task-start:{way}").status_code == 201
        until(lambda: running.process.log.count("SystemExit in a task that nobody of the worker began") == 2)
        until(lambda: "a plugin took SIGTERM from the worker" in running.process.log)
        assert running.client.get("/health").status_code == 200
        code, took_s = running.stop()
        assert (code, running.in_time(took_s)) == (0, True), running.process.log[-3000:]


SWEEPING = {
    "cancels-all": "tried to cancel healthy-0, and was refused",
    "stops-loop": "tried to stop the event loop, and was refused",
    "stops-loop-later": "the event loop was stopped by code that is not the worker's: it goes on",
    "shuts-executor": "tried to shut down the event loop's executor, and was refused",
}


@pytest.mark.night
def test_a_plugin_that_closes_standard_error_neither_fails_what_logs_nor_ends_the_log(tmp_path: Path) -> None:
    with worker(tmp_path) as running:
        assert running.create("x", "OddAsyncSource", how="task-start:closes-stderr").status_code == 201
        until(lambda: running.get("/connectors/x/status")["tasks"][0]["state"] == "RUNNING")
        running.create("y", "OddAsyncSource", how="task-start:type")
        until(lambda: "y-0" in running.warned("task.failed"))
        code, _ = running.stop()
        assert code == 0, running.process.log[-3000:]
        assert "[y|task-0] task failed: TypeError: a bug" in running.process.log
        assert "stopping" in running.process.log


@pytest.mark.night
def test_code_on_the_event_loop_that_ends_more_than_its_own_ends_neither_worker_nor_neighbour(tmp_path: Path) -> None:
    with worker(tmp_path) as running:
        made = running.create("healthy", "DatagenConnector", quickstart="users", kafka__topic="healthy")
        assert made.status_code == 201, made.text
        for way in SWEEPING:
            assert running.create(way, "OddAsyncSource", how=f"poll:{way}").status_code == 201
        until(
            lambda: all(words in running.process.log for words in SWEEPING.values()), what=lambda: running.process.log
        )
        assert "cancels-all|task-0 tried to cancel healthy-0" in running.process.log
        until(lambda: "cancels-all-0" in running.warned("task.failed"))
        failed = running.get("/connectors/cancels-all/status")["tasks"][0]["trace"]
        assert "the task was cancelled by code that is not the worker's (task cancels-all-0, unruly" in failed
        assert running.get("/connectors/healthy/status")["tasks"][0]["state"] == "RUNNING"
        until(lambda: running.rate(0.5) > 0)
        code, took_s = running.stop()
        assert (code, running.in_time(took_s)) == (0, True), running.process.log[-3000:]
    with worker(tmp_path) as running:
        assert running.client.get("/health").status_code == 200
        assert running.client.delete("/connectors/cancels-all").status_code == 204
        assert running.stop()[0] == 0


@pytest.mark.night
def test_a_thread_that_spins_after_its_connector_was_deleted_is_named_and_ended(tmp_path: Path) -> None:
    with worker(tmp_path) as running:
        running.create("spin", "OddSource", how="poll:spin")
        running.create("stubborn", "OddSource", how="poll:swallow")
        until(lambda: {"spin-0", "stubborn-0"} <= running.warned("plugin.slow").keys())
        until(lambda: "of a CPU" in running.warned("plugin.slow").get("spin-0", ""))  # as soon as it gets one
        for name in ("spin", "stubborn"):
            assert running.client.delete(f"/connectors/{name}").status_code == 204
        until(lambda: "stubborn-0" in running.warned("plugin.left_behind"))
        until(lambda: "spin-0" not in running.warned("plugin.left_behind"))
        assert "it is interrupted" in running.process.log
        assert "poll of unruly_plugins.OddSource still runs" in running.warned("plugin.left_behind")["stubborn-0"]
        code, took_s = running.stop()
        assert (code, running.in_time(took_s)) == (0, True), running.process.log[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hows", "timeout_ms", "status"),
    # What does not hang is not to be taken for it where the machine is slow.
    [
        pytest.param(["problems:hang"], "1000", 503, id="hangs"),
        pytest.param(
            ["problems:exit", "problems:texts", "problems:type"], "30000", 500, id="goes wrong", marks=pytest.mark.night
        ),
    ],
)
def test_validation_never_holds_the_worker_and_names_the_plugin(
    tmp_path: Path, hows: list[str], timeout_ms: str, status: int
) -> None:
    with worker(tmp_path, plugin_check_timeout_ms=timeout_ms) as running:
        for how in hows:
            began = time.monotonic()
            refused = running.create("x", "OddSource", how=how)
            assert refused.status_code == status, refused.text
            assert "OddSource" in refused.text or "OddConfig" in refused.text
            assert time.monotonic() - began < 10 * running.slowness
            assert running.get("/connectors") == []
            assert running.client.get("/health").status_code == 200
        code, took_s = running.stop()
        assert (code, running.in_time(took_s)) == (0, True), running.process.log[-3000:]


BROKEN = {
    "exits_at_import": ("import sys\nsys.exit(1)\n", "SystemExit: 1"),
    "hangs_at_import": ("import time\ntime.sleep(1e6)\n", "did not end within"),
    "base_at_import": ("raise BaseException('bare')\n", "BaseException: bare"),
    "no_hookimpl": ("def connect_connectors():\n    return []\n", "without @hookimpl"),
    "no_hook": ("from connect.api import Transform\nclass T(Transform):\n    pass\n", "registers no hook"),
    "hook_exits": (
        "import sys\nfrom connect.api import hookimpl\n@hookimpl\ndef connect_transforms():\n    sys.exit(2)\n",
        "SystemExit: 2",
    ),
}


@pytest.mark.night
def test_modules_that_are_no_plugins_are_named_once_and_left_out(tmp_path: Path) -> None:
    with worker(tmp_path) as running:
        code, _ = running.stop()
        assert code == 0
    for name, (text, _) in BROKEN.items():
        (tmp_path / "plugins" / f"{name}.py").write_text(text)
    (tmp_path / "plugins" / "helper.py").write_text("VALUE = 5\n")
    seconds = math.ceil(slowness())  # what is imported in time has a second on a quiet machine
    with worker(tmp_path, plugin_import_timeout_ms=f"{seconds}000") as running:
        told = running.warned("plugin.broken")
        assert told.keys() == BROKEN.keys()
        assert f"did not end within {seconds} s" in told["hangs_at_import"]
        for name, (_, cause) in BROKEN.items():
            assert cause in told[name], name
            assert running.process.log.count(f"plugin {name} (") == 1
        assert any(p["class"] == "unruly_plugins.OddSource" for p in running.get("/connector-plugins"))
        code, took_s = running.stop()
        assert running.in_time(took_s)
