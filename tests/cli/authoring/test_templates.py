"""What `connect plugin new` writes is right as it stands: typed, formatted, tested, and what pip and a worker need."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from connect.cli.authoring import LICENCES
from connect.cli.authoring.names import names_of
from connect.cli.authoring.project import write
from connect.cli.authoring.templates import Wanted, files_of
from tests.support.inner_pytest import INNER_PYTEST
from tests.support.mypy_cache import mypy_cache

FORMS = [(kind, False) for kind in ("source", "sink", "transform", "converter")]
FORMS += [(kind, True) for kind in ("source", "sink", "transform")]


def wanted(kind: str, *, classes: bool = False, licence: str = "MIT", author: str = 'Ann "A" B') -> Wanted:
    name = f"snow-{kind}{'-class' if classes else ''}"
    return Wanted(kind, names_of(name), licence, author, classes, 2026)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A distribution of each kind and form."""
    folder = tmp_path_factory.mktemp("written")
    made = []
    for kind, classes in FORMS:
        plan = wanted(kind, classes=classes)
        made.append(folder / plan.names.distribution)
        write(made[-1], files_of(plan))
    return made


def run(folder: Path, sources: list[Path], *arguments: str) -> None:
    path = os.pathsep.join(str(source / "src") for source in sources)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder, env={**clean, **INNER_PYTEST, "PYTHONPATH": path, "MYPYPATH": path},
        capture_output=True, text=True, timeout=800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.slow
def test_the_tests_of_every_kind_pass(written: list[Path]) -> None:
    tests = [str(source / "tests") for source in written]
    options = ["-q", "--import-mode=importlib", "-p", "no:cacheprovider", "-k", "not Certificate", "-c", os.devnull]
    run(written[0].parent, written, "pytest", *options, *tests)


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_form_has_its_certificate(written: list[Path]) -> None:
    # Kills of these examples are those of any plugin.
    tests = [str(source / "tests") for source in written]
    chosen = "Certificate and not crash and not kill and not slow"
    options = ["-q", "--import-mode=importlib", "-p", "no:cacheprovider", "-k", chosen, "-c", os.devnull]
    run(written[0].parent, written, "pytest", *options, *tests)


@pytest.mark.slow
def test_every_kind_is_typed_strictly(written: list[Path]) -> None:
    packages = [argument for source in written for argument in ("-p", next((source / "src").iterdir()).name)]
    run(written[0].parent, written, "mypy", "--strict", "--cache-dir", mypy_cache("templates"), *packages)


def test_every_kind_is_formatted_and_without_a_finding_of_the_linter(written: list[Path]) -> None:
    options = ["--no-cache", "--isolated", "--line-length", "120", "."]
    run(written[0].parent, [], "ruff", "format", "--check", *options)
    for source in written:  # from its own folder, since which modules are its own decides on the order of imports
        run(source, [], "ruff", "check", *options)


@pytest.mark.parametrize(("kind", "classes"), FORMS)
def test_the_metadata_and_the_example_name_what_is_there(kind: str, classes: bool) -> None:
    plan = wanted(kind, classes=classes)
    files = files_of(plan)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert project["authors"] == [{"name": 'Ann "A" B'}]
    assert project["entry-points"]["connect"] == {plan.names.name: plan.names.package}
    example = json.loads(files[f"examples/{plan.names.name}.json"])
    code = files[f"src/{plan.names.package}/__init__.py"]
    named = {v.rpartition(".")[2] for v in example.values()} | {example["connector.class"]}
    assert any(re.search(rf"^(def|class) {re.escape(name)}\b", code, re.M) for name in named)
    assert "$" not in code


def test_the_short_form_is_the_shortest_plugin() -> None:
    files = files_of(wanted("source"))
    lines = files["src/connect_snow_source/__init__.py"].splitlines()
    assert sum(1 for line in lines if line.strip() and not line.strip().startswith(("#", '"""'))) < 20


@pytest.mark.parametrize("licence", LICENCES)
def test_a_licence_is_named_in_the_metadata_and_its_text_is_there(licence: str) -> None:
    files = files_of(wanted("sink", licence=licence))
    project = tomllib.loads(files["pyproject.toml"])["project"]
    if licence == "none":
        assert (project["license"], "LICENSE" in files) == ("LicenseRef-Proprietary", False)
        return
    assert (project["license"], project["license-files"]) == (licence, ["LICENSE"])
    assert {"MIT": "MIT License", "Apache-2.0": "Apache License", "BSD-3-Clause": "BSD 3-Clause"}[licence] in files[
        "LICENSE"
    ]
    assert ('2026 Ann "A" B' in files["LICENSE"].replace(",", "")) is (licence != "Apache-2.0")
