"""Kafka Connect's REST API, as recorded from 4.3.1 and played against a real worker: `rest/open.json`.

`rest/conformance.py` is the runner; it also runs alone, against any worker. A step that answers otherwise on purpose
is in `rest/departures.json`, and in docs/reference/departures.md with its reason.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forks import ForkedWorker
from tests.support.kafka_workers import worker_config
from tests.support.lengths import IS_LONG

HERE = Path(__file__).parent / "rest"
DOCS = Path(__file__).parents[2] / "docs" / "reference" / "departures.md"
DEPARTURES = json.loads((HERE / "departures.json").read_text())
SHARE_MIN = 0.97
#: How long a step's condition may take to hold.
CONDITION_S = 8
RUN_S = 150
#: What the short form of the tests plays to a worker on a real broker: what the engine has a part in.
ON_KAFKA = ["source-offsets", "sink-offsets", "initial-state", "topics"]


@pytest.fixture(scope="module", params=["log", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.slow])])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the runner says of each step, of a worker on each engine; nothing where it passed."""
    folder = tmp_path_factory.mktemp("rest")
    config, is_part = {"offset.flush.interval.ms": "200"}, False
    if request.param == "kafka":
        is_part = not IS_LONG
        config = worker_config(folder.name, request.getfixturevalue("broker").bootstrap)
        for key in ("key.converter", "value.converter"):  # the defaults are recorded
            del config[key]
    environment = {f"CONNECT_{key.upper().replace('.', '_')}": value for key, value in config.items()}
    with ForkedWorker(folder / "data", **environment) as worker:
        command = [
            sys.executable,
            HERE / "conformance.py",
            "--url",
            worker.url(),
            "--workdir",
            folder,
            "--against",
            HERE / "open.json",
            "--timeout",
            str(CONDITION_S),
            *(["--scenario", ",".join(ON_KAFKA)] if is_part else []),
        ]
        played = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S, check=False)
        assert worker.stop() == 0, worker.log
    found = re.findall(r"^(ok  |FAIL) (\S+)((?:\n +- .*)*)", played.stdout, re.MULTILINE)
    assert len(found) > (60 if is_part else 300), played.stdout + played.stderr
    assert ("Kafka cluster" in worker.log) == (request.param == "kafka")
    return {step: "" if verdict == "ok  " else differences.strip() for verdict, step, differences in found}


def test_every_step_answers_as_kafka_connect_or_departs_on_purpose(outcome: dict[str, str]) -> None:
    departs = {step for departure in DEPARTURES for step in departure["steps"]}
    assert {step: differences for step, differences in outcome.items() if differences and step not in departs} == {}
    passed = sum(not differences for differences in outcome.values())
    assert passed >= SHARE_MIN * len(outcome), f"{passed} of {len(outcome)}"


def test_every_departure_departs_and_is_documented(outcome: dict[str, str]) -> None:
    text = DOCS.read_text()
    for departure in DEPARTURES:
        row = f"| `{departure['name']}` | {departure['kafka']} | {departure['ours']} | {departure['reason']} |"
        assert row in text, departure["name"]
        for step in (step for step in departure["steps"] if step in outcome or len(outcome) > 300):
            assert outcome[step], f"{step} passes: it is no departure any more"
