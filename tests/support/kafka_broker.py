"""A real broker as a child process, on free loopback ports."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.support.kafka import CACHE, JVM_OPTIONS, POM, class_archive, find_kafka, run_java, run_lab
from tests.support.standstill import stand_still

START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 60
#: Any 16 bytes in URL-safe base64.
CLUSTER_ID = "c29tZS1jbHVzdGVyLWlkMQ"
USER = "alice"
PASSWORD = "correct horse"


class KafkaBroker:
    """A Kafka of one node, broker and controller in one process, with its data below `root`.

    A context manager: entering formats the storage (once a root) and returns when the broker serves; leaving stops it
    cleanly by its own process id, so its segments are complete. It can be entered again, with the same data.
    """

    cluster_id = CLUSTER_ID
    #: The listeners of clients, and the protocol of each; one whose name begins with SASL_PLAINTEXT has `USER`.
    listeners: Mapping[str, str] = {"PLAINTEXT": "PLAINTEXT", "SASL_PLAINTEXT": "SASL_PLAINTEXT"}

    def __init__(self, root: Path, jvm_options: Sequence[str] = JVM_OPTIONS) -> None:
        self.data_dir, self._jvm_options = root / "kafka-data", jvm_options
        self._properties = root / "server.properties"
        self._log = root / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None
        #: Where each listener is, HOST:PORT.
        self.addresses: dict[str, str] = {}

    def __enter__(self) -> Self:
        # A port that is free now may be taken a moment later, so a failed start is tried again on others.
        for attempt in range(3):
            self._configure()
            try:
                self._start()
                return self
            except BaseException as error:  # a test that is interrupted here leaves no broker behind either
                self.stop()
                port_taken = isinstance(error, AssertionError) and "Address already in use" in self.log
                if attempt == 2 or not port_taken:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """Where clients are served that say nothing of who they are."""
        return self.addresses["PLAINTEXT"]

    def partition_dir(self, topic: str, partition: int = 0) -> Path:
        """Return the folder with a partition's segments."""
        return self.data_dir / f"{topic}-{partition}"

    @property
    def log(self) -> str:
        """Return what the broker logged since it was last started."""
        return self._log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """Return the process id of the running broker."""
        assert self._process is not None, "the broker is not running"
        return self._process.pid

    def run(self, *commands: dict[str, Any]) -> list[Any]:
        """Run commands with Kafka's Java clients against this broker; return their answers."""
        return run_lab(commands, self.bootstrap)

    def leave(self) -> None:
        """Let the process go on without this one, which is to end: somebody else will stop it."""
        process, self._process = self._process, None
        assert process is not None, "the broker is not running"
        process.returncode = 0  # nobody waits for it here, and Popen has nothing to say of that

    def stop(self) -> None:
        """End the broker's process, cleanly if it can."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the broker's process as a crash does; its newest indexes keep the zeros that it preallocates."""
        process, self._process = self._process, None
        assert process is not None, "the broker is not running"
        process.kill()
        process.wait()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the broker stand still, as one that a network has lost; it goes on where it was."""
        process = self._process
        assert process is not None, "the broker is not running"
        try:
            stand_still(process.pid)
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def _configure(self) -> None:
        *ports, controller_port = self._choose_ports()
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in zip(self.listeners, ports, strict=True)}
        clients = ",".join(f"{name}://{address}" for name, address in self.addresses.items())
        protocols = ",".join(f"{name}:{protocol}" for name, protocol in self.listeners.items())
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": f"{clients},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": clients,
            "listener.security.protocol.map": f"{protocols},CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
                f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            ),
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
            "log.dirs": str(self.data_dir),
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "log.cleaner.backoff.ms": "100",
            "log.initial.task.delay.ms": "100",
        }
        properties |= self.more_properties() | self._changes(properties)
        self._properties.parent.mkdir(parents=True, exist_ok=True)
        _write_properties(self._properties, properties)
        if not self.data_dir.exists():
            shutil.copytree(_formatted(self.cluster_id, properties), self.data_dir)

    def more_properties(self) -> dict[str, str]:
        """Return further properties, for brokers of other kinds."""
        return {}

    def _choose_ports(self) -> list[int]:
        """Return the ports of clients, of those who log in, and of controllers; others with each start."""
        return free_ports(len(self.listeners) + 1)

    def _changes(self, properties: dict[str, str]) -> dict[str, str]:
        """Return what is otherwise, or more, than these properties."""
        return {}

    def _start(self) -> None:
        kafka = find_kafka()
        command = [kafka.java, *self._jvm_options, *self._classes(), "-Dorg.slf4j.simpleLogger.defaultLogLevel=info"]
        command += ["-cp", kafka.classpath]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "kafka.Kafka", str(self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C for the tests is theirs; they stop the broker
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while "Kafka Server started" not in self.log:
            assert self._process.poll() is None, f"the broker ended:\n{self._tail()}"
            assert time.monotonic() < deadline, f"no broker after {START_TIMEOUT_S} s:\n{self._tail()}"
            time.sleep(0.05)

    def _classes(self) -> list[str]:
        """Return the option that names the archive of classes, where there is one."""
        _make_archive()
        return [f"-XX:SharedArchiveFile={class_archive()}"] if class_archive().exists() else []

    def _tail(self) -> str:
        return "\n".join(self.log.splitlines()[-30:])


class _Archiving(KafkaBroker):
    """One whose JVM writes down, as it ends, which classes it has loaded."""

    def _classes(self) -> list[str]:
        return [f"-XX:ArchiveClassesAtExit={self.data_dir.parent / 'classes.jsa'}"]


@functools.cache
def _make_archive() -> None:
    """Start and stop a broker for the archive of classes where there is none yet: the next two starts pay for that."""
    if class_archive().exists():
        return
    with (CACHE / "archiving").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another is at it; what it could not make, this one does not try
            return
        with tempfile.TemporaryDirectory(prefix="archiving-", dir=CACHE) as root:
            with _Archiving(Path(root)):
                pass
            made = Path(root, "classes.jsa")
            if made.exists():  # else this JVM makes none, and all start without
                made.replace(class_archive())


def _write_properties(path: Path, properties: Mapping[str, str]) -> None:
    path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))


def _formatted(cluster_id: str, properties: Mapping[str, str]) -> Path:
    """Return the folder of a formatted storage, made once in a checkout: the tool takes a third of a broker's start."""
    # What it writes: the ids of cluster and node, and features by the version of Kafka.
    made_of = f"{cluster_id} {properties['node.id']} {properties['process.roles']} ".encode() + POM.read_bytes()
    formatted = CACHE / f"formatted-{hashlib.sha256(made_of).hexdigest()[:12]}"
    if formatted.is_dir():
        return formatted
    # As with the jars: it appears whole or not at all, whoever else is making it.
    with tempfile.TemporaryDirectory(prefix="formatting-", dir=CACHE) as formatting:
        made, config = Path(formatting, "made"), Path(formatting, "server.properties")
        _write_properties(config, {**properties, "log.dirs": str(made)})
        run_java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(config))
        with contextlib.suppress(OSError):  # where someone else was quicker
            made.rename(formatted)
    assert formatted.is_dir(), f"{formatted} is neither ours nor another's"
    return formatted


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(bound.getsockname()[1]) for bound in sockets]


class SharedBroker:
    """One broker for all test processes of a run: the first that asks starts it, the last one that leaves stops it.

    A context manager; `addresses` says where it is, by listener. The processes have a folder in common.

    Args:
        make: Makes the broker, given its root.
    """

    def __init__(self, folder: Path, make: Callable[[Path], KafkaBroker] = KafkaBroker) -> None:
        self._folder = folder
        self._make = make
        self._state = folder / "broker.json"
        self._started: KafkaBroker | None = None
        self.addresses: dict[str, str] = {}

    @property
    def root(self) -> Path:
        """The broker's folder."""
        return self._folder / "broker"

    @property
    def bootstrap(self) -> str:
        """Where clients are served that say nothing of who they are."""
        return self.addresses["PLAINTEXT"]

    @property
    def sasl_bootstrap(self) -> str:
        """Where clients log in, as `USER` with `PASSWORD` by SASL PLAIN."""
        return self.addresses["SASL_PLAINTEXT"]

    def __enter__(self) -> Self:
        with self._alone():
            state = self._read()
            if state is None:
                self._started = self._make(self.root).__enter__()
                state = {"addresses": self._started.addresses, "pid": self._started.pid, "users": []}
            state["users"].append(os.getpid())
            self._state.write_text(json.dumps(state))
            self.addresses = state["addresses"]
        return self

    def __exit__(self, *exception: object) -> None:
        with self._alone():
            state = self._read()
            assert state is not None, "nobody takes away what is in use"
            state["users"] = [pid for pid in state["users"] if pid != os.getpid() and _is_alive(pid)]
            if state["users"]:
                self._state.write_text(json.dumps(state))
                if self._started is not None:
                    self._started.leave()
                return
            self._state.unlink()
            if self._started is not None:
                self._started.stop()
                return
            _end(state["pid"])

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self) -> dict[str, Any] | None:
        if not self._state.exists():
            return None
        state: dict[str, Any] = json.loads(self._state.read_text())
        return state if _is_alive(state["pid"]) else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended and that its parent has not asked for yet is there, and does nothing.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def _end(pid: int) -> None:
    """End a broker that another process has started, cleanly if it can."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while _is_alive(pid):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return
