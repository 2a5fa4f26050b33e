from __future__ import annotations

import pytest

from connect.rest.registry.reads import is_read


@pytest.mark.parametrize(
    ("method", "path", "reads"),
    [
        ("GET", "/subjects", True),
        ("HEAD", "/schemas/ids/1", True),
        ("OPTIONS", "/subjects/s", True),
        ("POST", "/subjects/s", True),
        ("POST", "/compatibility/subjects/s/versions", True),
        ("POST", "/subjects/s/versions", False),
        ("POST", "/subjects", False),
        ("POST", "/", False),
        ("PUT", "/compatibility", False),
        ("PUT", "/config", False),
        ("DELETE", "/subjects/s", False),
    ],
)
def test_a_look_up_and_a_comparison_read_and_all_else_with_a_body_writes(method: str, path: str, reads: bool) -> None:
    assert is_read(method, path) is reads
