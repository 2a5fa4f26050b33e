"""`connect group`: on a directory, and through the worker that owns it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from connect.api import NotFoundError
from connect.cli.groups import _known
from connect.ports import GroupInfo
from tests.cli.conftest import Cli
from tests.support.command import assert_refused, connect, lines, read, running


def test_groups_are_listed_described_reset_and_deleted(data: list[str]) -> None:
    lines("topic", "create", "t", "--partitions", "2", *data)
    for partition in ("0", "1"):
        lines("produce", "--topic", "t", "--partition", partition, *data, stdin=b"a\nb\nc\n")
    read("t", 4, data, "--group", "g")

    def offsets() -> list[tuple[int, int, int]]:
        found = json.loads("\n".join(lines("group", "describe", "g", "--json", *data)))
        return [(o["partition"], o["offset"], o["lag"]) for o in found["offsets"]]

    def reset(*options: str) -> list[tuple[int, int, int]]:
        lines("group", "reset", "g", *options, *data)
        return offsets()

    assert sum(lag for _, _, lag in offsets()) == 2
    before = offsets()
    assert reset("--to-earliest", "--dry-run") == before
    assert reset("--to-earliest") == [(0, 0, 3), (1, 0, 3)]
    assert reset("--to-offset", "2", "--topic", "t:1") == [(0, 0, 3), (1, 2, 1)]
    assert reset("--shift-by", "-1") == [(0, 0, 3), (1, 1, 2)]
    assert reset("--to-datetime", "2100-01-01") == [(0, 3, 0), (1, 3, 0)]
    assert reset("--to-datetime", "1970-01-01") == [(0, 0, 3), (1, 0, 3)]
    assert reset("--to-latest", "--topic", "t") == [(0, 3, 0), (1, 3, 0)]
    assert "g" in lines("group", "list", *data)[1]
    lines("group", "delete", "g", "--topic", "t:0", "--yes", *data)
    assert offsets() == [(1, 3, 0)]
    lines("group", "delete", "g", "--yes", *data)
    assert_refused(connect("group", "describe", "g", *data), 1, "not_found", "there is no group 'g'")


@pytest.mark.parametrize(
    ("options", "mentions"),
    [
        ((), "exactly one of"),
        (("--to-latest", "--to-earliest"), "exactly one of"),
        (("--to-latest", "--topic", "t:x"), "'x' is not a partition"),
        (("--to-latest", "--topic", "t:\u00b2"), "is not a partition"),
        (("--to-latest",), "has no offsets yet"),
        (("--shift-by", "1", "--topic", "t"), "no offset for t-0 to shift"),
    ],
)
def test_a_reset_that_makes_no_sense_is_refused(tmp_path: Path, options: tuple[str, ...], mentions: str) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    lines("topic", "create", "t", *data)
    assert_refused(connect("group", "reset", "g", *options, *data), 2, "config.invalid", mentions)


def test_the_offsets_of_a_running_sink_are_protected(tmp_path: Path) -> None:
    sink = {
        "name": "out",
        "connector.class": "FileStreamSink",
        "topics": "t",
        "file": str(tmp_path / "out.txt"),
        "key.converter": "StringConverter",
        "value.converter": "StringConverter",
    }
    config = tmp_path / "out.json"
    config.write_text(json.dumps(sink))
    with running(tmp_path / "data", str(config)) as url:
        at = ["--url", url]
        lines("topic", "create", "t", *at)
        deadline = time.monotonic() + 60
        while True:  # the sink joins its group as it starts
            found = json.loads("\n".join(lines("group", "describe", "connect-out", "--json", *at)))
            if found["state"] == "Stable":
                break
            assert time.monotonic() < deadline, found
        for command in (("reset", "connect-out", "--to-latest", "--topic", "t"), ("delete", "connect-out", "--yes")):
            assert_refused(connect("group", *command, *at), 1, "log.group_in_use", "is in use by")


def test_a_groups_lag_is_that_of_its_sink_before_the_first_commit_too(
    cli: Cli, worker_url: str, tmp_path: Path, name: str
) -> None:
    url = ["--url", worker_url]
    cli("topic", "create", name, *url)
    cli("produce", "--topic", name, *url, stdin="not json\n" * 3)
    (tmp_path / "sink.json").write_text(
        json.dumps(
            {"name": name, "connector.class": "FileStreamSink", "topics": name, "file": str(tmp_path / "out.txt")}
        )
    )
    cli("connector", "create", tmp_path / "sink.json", *url)
    rows = {row["group"]: row for row in cli("group", "list", "--json", *url).json}
    assert (rows[f"connect-{name}"]["partitions"], rows[f"connect-{name}"]["lag"]) == (1, 3)
    assert cli("group", "describe", f"connect-{name}", *url).out.splitlines()[2].split()[:5] == [
        name,
        "0",
        "-",
        "3",
        "3",
    ]
    assert f"  lag: 3 of group connect-{name}" in cli("connector", "describe", name, *url).out.splitlines()
    assert cli("connector", "describe", name, "--json", *url).json["lag"]["lag"] == 3


async def test_a_group_that_is_listed_is_there_though_its_members_have_gone_and_committed_nothing() -> None:
    class Left:
        """The groups of a Kafka cluster, which keeps such a one for a while; and no topics."""

        async def list(self) -> list[str]:
            return ["connect-sink"]

        async def describe(self, group: str) -> GroupInfo:
            return GroupInfo(group, "Empty", (), {})

        async def describe_topics(self, names: object) -> dict[str, object]:
            return {}

    class Log:
        groups = admin = Left()

    assert await _known(Log(), "connect-sink") == (GroupInfo("connect-sink", "Empty", (), {}), [])  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match="no group 'connect-snk'") as raised:
        await _known(Log(), "connect-snk")  # type: ignore[arg-type]
    assert raised.value.hint == "Did you mean 'connect-sink'?"
