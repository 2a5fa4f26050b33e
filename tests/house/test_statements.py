from __future__ import annotations

import ast
from pathlib import Path

from tests.support.statements import statements

ROOT = Path(__file__).parents[2]


def test_every_statement_is_found_wherever_it_stands() -> None:
    for path in sorted((ROOT / "connect" / "runtime" / "tasks").rglob("*.py")):
        tree = ast.parse(path.read_text())
        expected = {node for node in ast.walk(tree) if isinstance(node, ast.stmt)}
        found = [node for node in statements(tree) if isinstance(node, ast.stmt)]
        assert set(found) == expected, path
        assert len(found) == len(expected)
