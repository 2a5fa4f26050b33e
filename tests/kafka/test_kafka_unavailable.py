"""Where no Kafka can be had, the skip says what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import kafka
from tests.support.kafka import KafkaUnavailable


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder that is the whole PATH, and a cache without jars."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(kafka, "CACHE", tmp_path / "cache")
    for found in (kafka.look_for_kafka, kafka.find_java):
        found.cache_clear()
    yield folder
    for found in (kafka.look_for_kafka, kafka.find_java):
        found.cache_clear()


def install(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


JDK_17 = """case "$1" in -version) echo 'openjdk version "17.0.1"' >&2;; *) echo jdk.compiler@17.0.1;; esac"""


def test_without_java_the_reason_names_the_jdk(tools: Path) -> None:
    with pytest.raises(KafkaUnavailable, match=r"no java \(a JDK >= 17\) in PATH"):
        kafka.find_kafka()


def test_an_old_java_is_named_with_its_version(tools: Path) -> None:
    install(tools / "java", "echo 'openjdk version \"11.0.20\"' >&2")
    with pytest.raises(KafkaUnavailable, match=r'>= 17.*version "11\.0\.20"'):
        kafka.find_kafka()


def test_a_jre_without_compiler_is_not_enough(tools: Path) -> None:
    install(tools / "java", "echo 'openjdk version \"21.0.1\"' >&2")
    with pytest.raises(KafkaUnavailable, match="no compiler"):
        kafka.find_kafka()


def test_without_maven_the_reason_names_it(tools: Path) -> None:
    install(tools / "java", JDK_17)
    with pytest.raises(KafkaUnavailable, match="no mvn"):
        kafka.find_kafka()


def test_a_failed_download_is_told_once_and_leaves_no_jars(tools: Path) -> None:
    install(tools / "java", JDK_17)
    install(tools / "mvn", f"echo again >> {tools}/calls; echo '[ERROR] no route to host'; exit 1")
    for _ in range(2):
        with pytest.raises(KafkaUnavailable, match=r"\[ERROR\] no route to host"):
            kafka.find_kafka()
    assert (tools / "calls").read_text() == "again\n"
    assert list(kafka.CACHE.iterdir()) == []
