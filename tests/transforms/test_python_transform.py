"""Functions of Python files as transforms, and who may use them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connect.api import Batch, ConfigError, DataError, Record, RetriableError, Transform
from connect.api.files import FileRules, in_force
from connect.runtime.connector_config import SourceConnectorConfig
from connect.runtime.factory import make_stages
from connect.runtime.validation.validator import validate
from connect.runtime.worker_config import WorkerConfig
from tests.support.transforms import PLUGINS, make_transform

FILE = """
from dataclasses import dataclass
from connect.api import RetriableError

@dataclass
class Helper:
    factor: int = 2

def doubled(record):
    return record.replace(value=record.value * Helper().factor)

def odd_only(record):
    return record if record.value % 2 else None

def batch_doubled(batch):
    return batch.replace(values=[value * 2 for value in batch.values])

def broken(record):
    return record.value["x"]

def later(record):
    raise RetriableError("not yet")

def wrong(record):
    return "text"

def two(record, more):
    return record

async def waiting(record):
    return record

VALUE = 5
"""


def _made(folder: Path, name: str, text: str = FILE, **config: str) -> Transform:
    (folder / "f.py").write_text(text)
    return make_transform("Python", function=f"{folder}/f.py:{name}", **config)


def test_a_function_is_called_for_each_record(tmp_path: Path) -> None:
    made = _made(tmp_path, "doubled").apply_batch(Batch("t", [1, 2, 3]))
    assert [value for batch in made for value in batch.values] == [2, 4, 6]  # type: ignore[union-attr]
    assert _made(tmp_path, "odd_only").apply(Record("t", 2)) is None


def test_a_function_is_called_for_each_batch(tmp_path: Path) -> None:
    transform = _made(tmp_path, "batch_doubled", form="batch")
    made = transform.apply_batch(Batch("t", [1, 2, 3]))
    assert isinstance(made, Batch) and made.values == [2, 4, 6]
    assert transform.apply(Record("t", 4)) == Record("t", 8)


def test_what_it_raises_is_an_error_of_the_record_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"f\.py:broken raised TypeError: .* \(line 19 of f\.py\)"):
        _made(tmp_path, "broken").apply(Record("t", 1))
    with pytest.raises(RetriableError, match="not yet"):
        _made(tmp_path, "later").apply(Record("t", 1))
    with pytest.raises(DataError, match="returned str; expected a Record"):
        _made(tmp_path, "wrong").apply(Record("t", 1))
    with pytest.raises(DataError, match="returned str; expected a Batch"):
        _made(tmp_path, "wrong", form="batch").apply_batch(Batch("t", [1]))


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("nothing", FILE, "the file has no 'nothing'; it has: .*doubled"),
        ("two", FILE, "a function of one argument"),
        ("waiting", FILE, "neither async nor a value"),
        ("VALUE", FILE, "neither async nor a value"),
        ("f", "def f(:", "the file is no Python"),
        ("f", "def f(r): ...\n1 / 0", "the file raised ZeroDivisionError"),
        ("no name", FILE, "expected PATH.py:NAME"),
    ],
)
def test_a_file_or_name_that_is_wrong_is_refused_with_its_key(tmp_path: Path, name: str, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        _made(tmp_path, name, text)
    assert caught.value.config_path == "function"


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="the file cannot be read: No such file"):
        make_transform("Python", function="/no/such/file.py:f")


def test_a_changed_file_counts_for_the_next_transform(tmp_path: Path) -> None:
    assert _made(tmp_path, "f", "def f(r):\n    return r.replace(value=1)\n").apply(Record("t", 0)) == Record("t", 1)
    assert _made(tmp_path, "f", "def f(r):\n    return r.replace(value=22)\n").apply(Record("t", 0)) == Record("t", 22)


# -- permission ----------------------------------------------------------------------------------------------------


def _config(folder: Path) -> dict[str, str]:
    (folder / "f.py").write_text(FILE)
    return {
        "name": "n",
        "connector.class": "FileStreamSource",
        "topic": "t",
        "file": "x",
        "transforms": "p",
        "transforms.p.type": "connect.transforms.Python",
        "transforms.p.function": f"{folder}/f.py:doubled",
    }


def test_a_worker_that_does_not_allow_it_refuses_the_connector(tmp_path: Path) -> None:
    config, worker = _config(tmp_path), WorkerConfig.parse({})
    for given in (worker, None):
        with pytest.raises(
            ConfigError, match=r"does not allow connect\.transforms\.Python.*transforms\.python\.enabled=true"
        ) as caught:
            make_stages(PLUGINS, SourceConnectorConfig.parse(config), given)
        assert caught.value.config_path == "transforms.p.type"
    found = {
        info.value.name: info.value.errors for info in validate(PLUGINS, worker, "FileStreamSource", config).configs
    }
    assert "transforms.python.enabled=true" in found["transforms.p.type"][0]


def test_a_worker_that_allows_it_runs_it_under_its_alias(tmp_path: Path) -> None:
    config, worker = _config(tmp_path), WorkerConfig.parse({"transforms.python.enabled": "true"})
    (stage,) = make_stages(PLUGINS, SourceConnectorConfig.parse(config), worker)
    assert stage.transform.alias == "p"
    assert [batch.values for batch in stage.apply(Batch("t", [4]))] == [[8]]
    infos = validate(PLUGINS, worker, "FileStreamSource", config)
    assert [info.value.errors for info in infos.configs if info.value.errors] == []


def test_a_file_of_functions_is_one_that_connectors_may_read_and_ends(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "deep.py").write_text("(" * 100_000)
    (tmp_path / "secret.py").write_text("hunter2 = 1\n")
    for name, about in [
        ("pipe.py", "not a regular file"),
        ("deep.py", "no Python"),
        ("secret.py", r"file\.allowed\.paths"),
    ]:
        with (
            in_force(FileRules(None, (str(tmp_path / "secret.py"),))),
            pytest.raises(ConfigError, match=about) as refused,
        ):
            make_transform("Python", function=f"{tmp_path / name}:f")
        assert "hunter2" not in refused.value.message
