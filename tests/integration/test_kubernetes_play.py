"""Plays Kubernetes: a pod of configs/kubernetes is started under load, probed, and ended by SIGTERM, again and again.

Lines are written to a file all the time and go into a topic and out of it into another file. Each stop ends with 0, in
under five seconds; what is there in the end is every line once and in order: also without exactly once, since a stop
that committed what it had done leaves nothing to be done again. Connectors come by a folder, as a ConfigMap's.

CONNECT_PODS is the number of stops; see tests/support/lengths.py.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from connect.testing.crash import Seen, judge
from tests.support.busy import slowness
from tests.support.command import connect
from tests.support.lengths import length
from tests.support.pods import Pod
from tests.support.worker import STRING

STOPS: Final = length("CONNECT_PODS")
STOP_S: Final = 5.0
MANIFEST: Final = Path(__file__).parents[2] / "configs" / "kubernetes" / "connect.yaml"
LINES_PER_WRITE: Final = 20
LINE_BYTES: Final = 11


def manifest() -> tuple[dict[str, Any], dict[str, str]]:
    """Return the pod's spec, and the worker's variables."""
    found = {f"{one['kind']}/{one['metadata']['name']}": one for one in yaml.safe_load_all(MANIFEST.read_text())}
    return found["StatefulSet/connect"]["spec"]["template"]["spec"], found["ConfigMap/connect-worker"]["data"]


def write_connectors(folder: Path, tmp_path: Path, *, exactly_once: bool) -> None:
    """As a ConfigMap's volume: links through `..data`."""
    data = folder / "..2026"
    data.mkdir(parents=True)
    texts = {"key.converter": STRING, "value.converter": STRING}
    source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "lines", **texts}
    sink = {"connector.class": "FileStreamSink", "file": str(tmp_path / "out.txt"), "topics": "lines", **texts}
    if exactly_once:
        sink["delivery.guarantee"] = "exactly-once"
    for name, config in (("lines-in", source), ("lines-out", sink)):
        (data / f"{name}.json").write_text(json.dumps({"name": name, "config": config}))
        (folder / f"{name}.json").symlink_to(f"..data/{name}.json")
    (folder / "..data").symlink_to(data.name)


@contextmanager
def load(path: Path) -> Iterator[list[int]]:
    """Append lines to a file within the block; gives how many there are."""
    count, ended = [0], threading.Event()

    def write() -> None:
        with path.open("a", buffering=1) as file:
            while not ended.wait(0.02):
                file.write("".join(f"{n:010d}\n" for n in range(count[0], count[0] + LINES_PER_WRITE)))
                count[0] += LINES_PER_WRITE

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield count
    finally:
        ended.set()
        thread.join()


def until(condition: Callable[[], bool], pod: Pod) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, pod.log[-3000:]
        time.sleep(0.02)


def numbers(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def lines_in(path: Path) -> int:
    """Return how many lines a file has, by its size: it is asked all the time."""
    return path.stat().st_size // LINE_BYTES if path.exists() else 0


def ending(pod: Pod) -> float:
    times = slowness()
    code, took_s = pod.terminate()
    assert code == 0, pod.log[-3000:]
    assert took_s < STOP_S * times, pod.log[-3000:]
    assert pod.failures == [], "kubelet would have started it anew, or taken it out of its service"
    return took_s


@pytest.mark.slow
@pytest.mark.timeout(120 + 30 * STOPS)
@pytest.mark.parametrize("exactly_once", [True, False], ids=["exactly once", "at least once"])
def test_a_pod_that_is_ended_under_load_again_and_again_loses_nothing_and_doubles_nothing(
    tmp_path: Path, exactly_once: bool
) -> None:
    spec, variables = manifest()
    assert variables["CONNECT_EXACTLY_ONCE_SOURCE_SUPPORT"] == "enabled"
    environment = {
        **variables,
        "CONNECT_CONNECTORS_DIR": str(tmp_path / "connectors"),
        "CONNECT_REST_PORT": "0",
        "CONNECT_EXACTLY_ONCE_SOURCE_SUPPORT": "enabled" if exactly_once else "disabled",
        "CONNECT_OFFSET_FLUSH_INTERVAL_MS": "600000",  # what is committed, a stop commits
    }
    write_connectors(tmp_path / "connectors", tmp_path, exactly_once=exactly_once)
    took: list[float] = []
    (tmp_path / "in.txt").touch()
    with load(tmp_path / "in.txt") as written:
        for _ in range(STOPS):
            before = lines_in(tmp_path / "out.txt")
            with Pod(spec, tmp_path / "volume", environment) as pod:
                with pod.until_ready() as client:
                    until(lambda before=before: lines_in(tmp_path / "out.txt") > before + 100, pod)  # type: ignore[misc]
                    until(lambda pod=pod: pod.answers["livenessProbe"] and pod.answers["readinessProbe"], pod)  # type: ignore[misc]
                    if not took:
                        check_promises(client, exactly_once=exactly_once)
                took.append(ending(pod))
            out = numbers(tmp_path / "out.txt")
            assert out == list(range(len(out))), "each line once and in order, after each stop"
    count = written[0]
    with Pod(spec, tmp_path / "volume", environment) as pod:
        with pod.until_ready():
            until(lambda: lines_in(tmp_path / "out.txt") >= count, pod)
        took.append(ending(pod))
    data = ["--data-dir", str(tmp_path / "volume" / "connect-data")]
    read = connect("consume", "--topic", "lines", "--from-beginning", "--max-messages", str(count), *data).stdout
    [group] = json.loads(connect("group", "describe", "connect-lines-out", "--json", *data).stdout)["offsets"]
    assert group["lag"] == 0, "what was put is committed"
    for found in ([int(line) for line in read.splitlines()], numbers(tmp_path / "out.txt")):
        books = judge([Seen("", number) for number in range(count)], [Seen("", number) for number in found])
        assert (books.lost, books.doubled, books.reordered, books.strangers) == (0, 0, 0, 0), books.examples
    print(
        f"{len(took)} stops, {count} lines, the longest took {max(took):.2f} s, {sum(took) / len(took):.2f} on average"
    )


def check_promises(client: httpx.Client, *, exactly_once: bool) -> None:
    found = {
        name: client.get(f"/v1/connectors/{name}").json()["delivery"]["guarantee"] for name in ("lines-in", "lines-out")
    }
    assert set(found.values()) == {"exactly-once" if exactly_once else "at-least-once"}
