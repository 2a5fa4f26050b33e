"""The files that every schema may import."""

from __future__ import annotations

import pytest

from connect_protofiles.known import NAMES, known, meta_class
from connect_protofiles.linking import linked


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_known_file_is_there_and_whole(name: str) -> None:
    file = known(name)
    assert file is not None
    assert linked(file).name == name


def test_no_other_is_known() -> None:
    assert known("google/protobuf/compiler/plugin.proto") is None
    assert known("os.proto") is None


def test_a_meta_has_words_and_parameters() -> None:
    meta = meta_class()(doc="d", params={"a": "b"})
    assert meta.SerializeToString() == b"\n\1d\x12\6\n\1a\x12\1b"
