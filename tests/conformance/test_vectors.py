"""Every open vector about a class that exists passes, or departs for a reason that departures.json gives."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from connect.runtime.validation.validator import validate
from connect.runtime.worker_config import WorkerConfig
from tests.conformance.play import DEPARTURES, departures, play, plugins
from tests.conformance.replay import FILES, group_of, main, replay
from tests.conformance.vectors import OPEN, read

GROUPS: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
for _file in FILES:
    for _vector in read(OPEN / f"{_file}.jsonl"):
        GROUPS[_file, group_of(_vector)].append(_vector)
DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "departures.md"


@pytest.mark.parametrize("group", sorted(GROUPS), ids="-".join)
def test_kafkas_answers_are_ours(group: tuple[str, str]) -> None:
    outcomes = {vector["id"]: play(vector) for vector in GROUPS[group]}
    assert {name: o.why for name, o in outcomes.items() if o.verdict == "failed"} == {}


def test_every_departure_is_needed_and_described() -> None:
    used = {o.why for vectors in GROUPS.values() for o in map(play, vectors) if o.verdict == "departs"}
    used |= {d["name"] for d in departures() if "example" in d and _departs(d["example"])}
    assert {d["name"] for d in departures() if "rules" in d} <= used
    assert all(d[part] for d in departures() for part in ("name", "kafka", "ours", "reason"))
    document = DOCUMENT.read_text()
    assert [d["name"] for d in departures() if f"`{d['name']}`" not in document] == []


def _departs(config: dict[str, str]) -> bool:
    """Whether validation finds something wrong with a config that no open vector holds, and that Kafka takes."""
    return validate(plugins(), WorkerConfig.parse({}), config["connector.class"], config).error_count > 0


def test_the_departures_file_is_formatted_as_json_writes_it() -> None:
    assert DEPARTURES.read_text() == json.dumps(departures(), indent=2, ensure_ascii=False) + "\n"


def test_replay_names_what_differs_and_closes_with_the_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = next(
        v
        for v in GROUPS["predicates", "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone"]
        if v["output"] is True
    )
    wrong = {**right, "id": "RecordIsTombstone/wrong", "output": False}
    later = {**right, "id": "Later/1", "class": "org.example.Later"}
    (tmp_path / "predicates.jsonl").write_text("".join(json.dumps(v) + "\n" for v in (right, wrong, later)))
    assert replay(tmp_path)["failed"] == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("RecordIsTombstone/wrong: expected False, got True")
    assert lines[-1] == "1 passed, 1 failed, 1 skipped"


def test_a_folder_without_vectors_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["replay", str(tmp_path)])
    assert main() == 2
    assert "holds none of transforms.jsonl" in capsys.readouterr().err
