"""GzipDecompress: gzipped bytes become the bytes themselves."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from connect.api import DataError
from tests.support.transforms import transformed


def test_gzip_is_taken_apart_member_by_member() -> None:
    data = gzip.compress(b"one ") + gzip.compress(b"two")
    assert transformed("GzipDecompress$Value", data) == b"one two"
    assert transformed("GzipDecompress$Value", None) is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"plain", "no gzip"),
        (gzip.compress(b"x" * 99)[:-9], "cut off"),
        (gzip.compress(b"x" * 1000), "more than 100 bytes"),
        ("text", "takes bytes"),
    ],
    ids=["no gzip", "cut", "large", "text"],
)
def test_what_is_no_gzip_or_too_large_is_refused(value: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        transformed("GzipDecompress$Value", value, max_decompressed_bytes="100")
