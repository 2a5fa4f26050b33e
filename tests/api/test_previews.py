"""What a sink says that it would write, as it is checked where it arrives."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import DataError, PluginError, Preview, PreviewItem
from connect.api.contract import preview_of


def test_a_sound_preview_is_returned_as_it_is() -> None:
    sound = Preview("rows", [PreviewItem("x", [1], [0, 1]), PreviewItem("y", error=DataError("bad"))], "a note")
    assert preview_of(object(), sound, 2) is sound


@pytest.mark.parametrize(
    "returned",
    [
        None,
        "rows",
        Preview("nothing"),  # type: ignore[arg-type]
        Preview("rows", ["x"]),  # type: ignore[list-item]
        Preview("rows", [PreviewItem(1)]),  # type: ignore[arg-type]
        Preview("rows", [PreviewItem("x", records=[2])]),
        Preview("rows", [PreviewItem("x", parameters="text")]),
        Preview("rows", [PreviewItem("x", error="bad")]),  # type: ignore[arg-type]
    ],
)
def test_what_is_none_is_refused_as_the_plugins_fault(returned: Any) -> None:
    with pytest.raises(PluginError) as caught:
        preview_of(object(), returned, 2)
    assert caught.value.code == "plugin.broken"
