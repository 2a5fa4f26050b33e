"""What is shipped is typed: each package in the wheel says so to type checkers."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from connect.cli.authoring import LICENCES
from connect.rest.ui import names

HOUSE = Path(__file__).parents[2]
PACKAGES = {
    "connect", "connect_converters", "connect_datagen", "connect_file", "connect_postgres", "connect_protofiles",
    "connect_providers", "connect_schemas", "connect_transforms",
}  # fmt: skip


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_every_shipped_package_is_typed(shipped: list[str]) -> None:
    packages = {name.split("/")[0] for name in shipped if name.endswith(".py")}
    assert packages == PACKAGES
    assert {name.split("/")[0] for name in shipped if name.endswith("/py.typed")} == PACKAGES


def test_the_licences_that_a_new_plugin_may_have_are_shipped(shipped: list[str]) -> None:
    texts = {name.rpartition("/")[2] for name in shipped if name.startswith("connect/cli/authoring/licences/")}
    assert texts == {f"{licence}.txt" for licence in LICENCES if licence != "none"}


def test_the_web_page_is_shipped_whole(shipped: list[str]) -> None:
    page = {name.removeprefix("connect/ui/") for name in shipped if name.startswith("connect/ui/")}
    assert page - {"__init__.py"} == set(names())
    assert "js/vendor/THIRD-PARTY.txt" in page
