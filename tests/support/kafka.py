"""A real Kafka for tests: its jars from Maven, its dump tool, its Java clients. Its broker is in kafka_broker.py.

    find_kafka()        a JDK and the jars, fetched once into .cache/kafka
    dump_log()          Kafka's dump tool over segment files
    run_lab()           commands for Kafka's Java clients, see tests/kafka/java/KafkaLab.java
    lab()               one of the programs in tests/kafka/java, compiled once into .cache/labs

Needs a JDK >= 17, and Maven for the first time. Where these are missing everything raises `KafkaUnavailable`, whose
reason the fixtures of tests/kafka/conftest.py print as they skip.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

REPOSITORY = Path(__file__).resolve().parents[2]
POM = REPOSITORY / "tests" / "kafka" / "pom.xml"
LABS = REPOSITORY / "tests" / "kafka" / "java"
CACHE = REPOSITORY / ".cache" / "kafka"
LAB_CACHE = REPOSITORY / ".cache" / "labs"

JAVA_VERSION_MIN = 17
DOWNLOAD_TIMEOUT_S = 480
TOOL_TIMEOUT_S = 120

_COPY_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
#: Tests start many small JVMs: the quick compiler alone, the plain collector, little memory. What they print is UTF-8,
#: whatever the locale; Java 17 and its followers call that by different names.
JVM_OPTIONS = (
    *("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx512m"),
    *("-Dfile.encoding=UTF-8", "-Dsun.stdout.encoding=UTF-8", "-Dstdout.encoding=UTF-8"),
)
#: What DumpLogSegments prints about a file that it does not like, on stderr for indexes and with exit code 0, and the
#: line after it. Lines of records are left out, and "-1 is followed by", which it says of any segment that does not
#: start at offset 0.
_COMPLAINTS = re.compile(
    r"^(?!\| )[^\n]*(isvalid: false|invalid bytes|mismatch|(?<! -1 )is followed by|indexed offset|index timestamp|"
    r"out of order|corrupt|exception|error|failed)[^\n]*(\n[^\n]*)?",
    re.MULTILINE | re.IGNORECASE,
)


class KafkaUnavailable(Exception):
    """No Kafka can be had here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Kafka:
    """What running Kafka takes."""

    java: str
    classpath: str


def find_kafka() -> Kafka:
    """Find a JDK and Kafka's jars; the first call in a checkout downloads about 55 MB with Maven.

    Raises:
        KafkaUnavailable: No JDK, no Maven, or Maven cannot get the jars. Found out once a process.
    """
    found = look_for_kafka()
    if isinstance(found, str):
        raise KafkaUnavailable(found)
    return found


def kafka_classpath() -> str:
    """Return the class path of Kafka. Raises `KafkaUnavailable`."""
    return find_kafka().classpath


@cache
def look_for_kafka() -> Kafka | str:
    """Return what was found, or the reason why nothing was."""
    try:
        return Kafka(find_java(), str(jars_of(POM) / "*"))
    except KafkaUnavailable as error:
        return str(error)


@cache
def find_java() -> str:
    """Return the path of a JDK's java. Raises `KafkaUnavailable`."""
    home = os.environ.get("JAVA_HOME")
    path = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if path is None:
        raise KafkaUnavailable(f"no java (a JDK >= {JAVA_VERSION_MIN}) in {'JAVA_HOME' if home else 'PATH'}")
    asked = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False)
    version = re.search(r'version "(\d+)', asked.stderr)
    if asked.returncode or version is None or int(version[1]) < JAVA_VERSION_MIN:
        found = asked.stderr.strip().splitlines() or ["nothing"]
        raise KafkaUnavailable(f"java is not a JDK >= {JAVA_VERSION_MIN}: `{path} -version` says {found[0]}")
    modules = subprocess.run(
        [path, "--list-modules"], capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False
    )
    if "jdk.compiler" not in modules.stdout:
        raise KafkaUnavailable(f"{path} has no compiler: a JDK is needed, a JRE is there")
    return path


def jars_of(pom: Path) -> Path:
    """Return the folder with the jars that a pom names, fetched once in a checkout. Raises `KafkaUnavailable`."""
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    jars = CACHE / f"jars-{digest}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailable("no mvn (Maven) in PATH, and Kafka's jars are not in .cache/kafka yet")
    CACHE.mkdir(parents=True, exist_ok=True)
    # Into a folder of our own first: jars-<digest> appears whole or not at all, whoever else is fetching.
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=CACHE) as fetching:
        _fetch_jars(maven, pom, Path(fetching))
        with contextlib.suppress(OSError):  # where someone else was quicker
            (Path(fetching) / "jars").rename(jars)
    assert jars.is_dir(), f"{jars} is neither ours nor another's"
    return jars


def _fetch_jars(maven: str, pom: Path, folder: Path) -> None:
    # A repository of its own, which goes with the folder: nothing is left in the user's home. The time limits, each in
    # the words of one line of Maven versions, let a machine without a network know soon.
    options = {
        "maven.repo.local": str(folder / "repository"),
        "outputDirectory": str(folder / "jars"),
        "includeScope": "runtime",
        "maven.wagon.rto": "60000",
        "maven.wagon.http.retryHandler.count": "2",
        "aether.connector.connectTimeout": "10000",
        "aether.connector.requestTimeout": "60000",
    }
    command = [maven, "--batch-mode", "--quiet", "--no-transfer-progress", "--file", str(pom), _COPY_DEPENDENCIES]
    command += [f"-D{key}={value}" for key, value in options.items()]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise KafkaUnavailable(f"Maven did not bring Kafka's jars within {DOWNLOAD_TIMEOUT_S} s") from error
    if ran.returncode:
        said = [line for line in ran.stdout.splitlines() if "ERROR" in line] or ["nothing"]
        raise KafkaUnavailable(f"Maven cannot bring Kafka's jars: {said[0]}")


def _java_command(*arguments: str) -> list[str]:
    kafka, archive = find_kafka(), class_archive()
    options = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    if archive.exists():  # one that does not fit is no reason for a word on stdout
        options += [f"-XX:SharedArchiveFile={archive}", "-Xlog:disable"]
    return [kafka.java, *JVM_OPTIONS, *options, "-cp", kafka.classpath, *arguments]


@cache
def class_archive() -> Path:
    """Return where Kafka's classes are, parsed and checked, as this very JVM maps them into memory.

    A JVM that finds it takes half of the time to start; `kafka_broker` makes it, before the first broker in a checkout.
    """
    java = Path(find_java()).resolve()
    # What a JVM compares: where the jars are, in which order its class path names them, and when they were written. One
    # that was made elsewhere, of which this is a copy, would be left aside without a word.
    folder = Path(kafka_classpath()).parent
    jars = [f"{jar.name} {int(jar.stat().st_mtime)}" for jar in folder.iterdir()]
    made_for = f"{java} {java.stat().st_mtime_ns} {folder} {jars}"
    return CACHE / f"classes-{hashlib.sha256(made_for.encode()).hexdigest()[:12]}.jsa"


def lab(name: str, classpath: str | None = None) -> tuple[str, ...]:
    """Return the arguments for java that run a program of tests/kafka/java.

    It is compiled once in a checkout, since a JVM that is given the source compiles it each time, for a second or two.

    Args:
        name: Of the class, and of its file.
        classpath: What it needs, in the form of `Kafka.classpath`; None is that, and an empty one is the JDK alone.
    """
    needed = kafka_classpath() if classpath is None else classpath
    classes = _compiled(LABS / f"{name}.java", needed)
    return "-cp", os.pathsep.join(filter(None, (needed, str(classes)))), name


@cache
def _compiled(source: Path, classpath: str) -> Path:
    made_of = source.read_bytes() + POM.read_bytes()  # whose jars it is compiled against
    classes = LAB_CACHE / f"{source.stem}-{hashlib.sha256(made_of).hexdigest()[:12]}"
    if classes.is_dir():
        return classes
    LAB_CACHE.mkdir(parents=True, exist_ok=True)
    # As with the jars: it appears whole or not at all, whoever else is compiling.
    with tempfile.TemporaryDirectory(prefix="compiling-", dir=LAB_CACHE) as compiling:
        made = Path(compiling) / "classes"
        command = [find_java(), *JVM_OPTIONS, "-m", "jdk.compiler/com.sun.tools.javac.Main", "-encoding", "UTF-8"]
        # What stands for all jars of a folder, java's own launcher takes, and the compiler by itself does not.
        jars = os.pathsep.join(map(str, sorted(Path(classpath).parent.glob("*.jar")))) if classpath else "."
        command += ["--release", str(JAVA_VERSION_MIN), "-d", str(made), "-cp", jars]
        ran = subprocess.run(
            [*command, str(source)], capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False
        )
        assert ran.returncode == 0, f"{source} cannot be compiled:\n{ran.stdout}{ran.stderr}"
        with contextlib.suppress(OSError):  # where someone else was quicker
            made.rename(classes)
    assert classes.is_dir(), f"{classes} is neither ours nor another's"
    return classes


def run_java(*arguments: str, stdin: str = "") -> str:
    """Run a class of Kafka's class path, or a `lab`; return its stdout.

    Raises:
        AssertionError: It failed; with what it printed.
    """
    ran = subprocess.run(
        _java_command(*arguments),
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=TOOL_TIMEOUT_S,
        check=False,
    )
    assert ran.returncode == 0, (
        f"{' '.join(arguments)} exits with {ran.returncode}:\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"
    )
    return ran.stdout


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """One record, as Kafka's Java clients take or give it. `offset` and `timestamp_type` are theirs to say."""

    value: bytes | None
    key: bytes | None = None
    timestamp: int | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    offset: int | None = None
    timestamp_type: str = "CREATE_TIME"

    def to_json(self) -> dict[str, Any]:
        """Return the form that KafkaLab.java takes."""
        return {
            "timestamp": self.timestamp,
            "key": encode_base64(self.key),
            "value": encode_base64(self.value),
            "headers": [[name, encode_base64(value)] for name, value in self.headers],
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Read the form that KafkaLab.java answers with."""
        return cls(
            decode_base64(fields["value"]),
            decode_base64(fields["key"]),
            fields["timestamp"],
            tuple((name, decode_base64(value)) for name, value in fields["headers"]),
            fields["offset"],
            fields["timestamp_type"],
        )


def encode_base64(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()


def decode_base64(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def run_lab(commands: Sequence[dict[str, Any]], bootstrap: str | None = None) -> list[Any]:
    """Run commands with Kafka's Java clients, one after another; return their answers."""
    stdin = "".join(json.dumps(command) + "\n" for command in commands)
    arguments = [] if bootstrap is None else [bootstrap]
    return [json.loads(line) for line in run_java(*lab("KafkaLab"), *arguments, stdin=stdin).splitlines()]


class DumpTool:
    """Kafka's dump tool in a JVM that takes one run after another, and ends with this process; see DumpLab.java."""

    def __init__(self) -> None:
        # What the JVM itself says goes where pytest's own output goes.
        self._jvm = subprocess.Popen(
            _java_command(*lab("DumpLab")), stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        atexit.register(self.close)

    def run(self, *arguments: str) -> str:
        """Return what a run printed. Raises `AssertionError` where it failed, or took too long."""
        assert self._jvm.stdin is not None
        assert self._jvm.stdout is not None
        print("\x1f".join(arguments), file=self._jvm.stdin, flush=True)
        if not select.select([self._jvm.stdout], [], [], TOOL_TIMEOUT_S)[0]:
            self.close()
            raise AssertionError(f"Kafka's dump tool takes longer than {TOOL_TIMEOUT_S} s for {arguments}")
        how, _, answer = self._jvm.stdout.readline().strip().partition(" ")
        if not how:
            self.close()
        printed = b64decode(answer).decode(errors="replace")
        assert how == "ended", f"Kafka's dump tool {how or 'ended its JVM'} for {arguments}:\n{printed[-4000:]}"
        return printed

    def close(self) -> None:
        """End the JVM; the next run gets a new one."""
        _dump_tool.cache_clear()
        self._jvm.kill()
        self._jvm.communicate()


@cache
def _dump_tool() -> DumpTool:
    return DumpTool()


def dump_log(*paths: Path, flags: Sequence[str] = ("--deep-iteration", "--print-data-log"), gaps: bool = False) -> str:
    """Run Kafka's dump tool over .log, .index or .timeindex files; return what it printed.

    Args:
        gaps: True expects records that do not follow one another, of which the tool complains in any compacted log.

    Raises:
        AssertionError: It failed, or complained about a file.
    """
    files = ",".join(map(str, paths))
    printed = _dump_tool().run("--files", files, *flags)
    complaints = [found[0] for found in _COMPLAINTS.finditer(printed) if not (gaps and "is followed by" in found[0])]
    assert not complaints, f"Kafka's dump tool complains about {files}:\n" + "\n".join(complaints[:20])
    return printed
