"""The laws of imports in pyproject.toml know every part of the house."""

from __future__ import annotations

import tomllib
from pathlib import Path

HOUSE = Path(__file__).parents[2]
#: Starts the command, and imports `connect.app` alone.
NO_PARTS = {"__init__", "__main__"}


def parts() -> set[str]:
    """Return the modules and packages right under `connect`."""
    found = {path.parent.name for path in HOUSE.glob("connect/*/__init__.py")}
    return found | {path.stem for path in HOUSE.glob("connect/*.py")} - NO_PARTS


def layered() -> set[str]:
    """Return the parts that a law of layers places."""
    contracts = tomllib.loads((HOUSE / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [layer for contract in contracts for layer in contract.get("layers", ())]
    return {name.strip().removeprefix("connect.") for layer in layers for name in layer.split("|")}


def test_each_part_of_the_house_has_its_layer() -> None:
    assert parts() - layered() == set(), "a part without a layer may import what it likes: name it in pyproject.toml"
    assert layered() - parts() == set(), "pyproject.toml places what is not there"
