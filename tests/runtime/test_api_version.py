from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connect.api import VERSION, PluginError
from connect.runtime.api_version import check
from connect.runtime.plugins import PluginHost

PLUGIN = """
from connect.api import SourceConnector, SourceTask, hookimpl{imports}

{declared}

class TickTask(SourceTask):
    pass

class TickSource(SourceConnector):
    task_class = TickTask

@hookimpl
def connect_connectors():
    return [TickSource]
"""


def loaded_from(folder: Path, *, declared: str = "", imports: str = "") -> str | None:
    """Load a plugin from a folder, beside the bundled ones; return why it was left out."""
    (folder / "needs_api.py").write_text(PLUGIN.format(declared=declared, imports=imports))
    host = PluginHost.discover([folder], tells=False)
    causes = {broken.name: broken.cause for broken in host.broken}
    assert ("needs_api.TickSource" in {desc.name for desc in host.list()}) == ("needs_api" not in causes)
    return causes.get("needs_api")


@pytest.mark.parametrize("declared", ["", f'__connect_api__ = "{VERSION}"', '__connect_api__ = "1.0"'])
def test_a_plugin_that_needs_nothing_or_what_there_is_is_taken(tmp_path: Path, declared: str) -> None:
    assert loaded_from(tmp_path, declared=declared) is None


@pytest.mark.parametrize("needed", ["2.0", "1.99"])
def test_a_plugin_that_needs_a_newer_version_is_refused_with_both_versions(tmp_path: Path, needed: str) -> None:
    assert loaded_from(tmp_path, declared=f'__connect_api__ = "{needed}"') == (
        f"plugin needs_api needs version {needed} of connect.api, and this is {VERSION}; update connect-runtime"
    )


def test_a_plugin_that_imports_what_a_newer_version_has_is_told_so_too(tmp_path: Path) -> None:
    assert loaded_from(tmp_path, imports=", TeleportTask") == (
        f"plugin needs_api imports TeleportTask from connect.api, and version {VERSION} of the API has no such name; "
        "update connect-runtime or the plugin"
    )


def test_a_name_that_is_misspelt_is_told_with_the_nearest(tmp_path: Path) -> None:
    assert loaded_from(tmp_path, imports=", SinkTaskContex") == (
        f"plugin needs_api imports SinkTaskContex from connect.api, and version {VERSION} of the API has no such name; "
        "did you mean SinkTaskContext? Else update connect-runtime or the plugin"
    )


def test_a_name_whose_word_others_end_with_is_told_with_those(tmp_path: Path) -> None:
    assert "; did you mean ConnectorContext, " in (loaded_from(tmp_path, imports=", Context") or "")


@pytest.mark.parametrize("module", ["connect.api.teleport", "connect.api.java.teleport"])
def test_a_plugin_that_imports_a_module_that_is_not_there_is_told_so_too(tmp_path: Path, module: str) -> None:
    assert loaded_from(tmp_path, declared=f"import {module}") == (
        f"plugin needs_api imports {module}, and version {VERSION} of the API has no such module; "
        "update connect-runtime or the plugin"
    )


def test_another_import_that_fails_keeps_its_own_words(tmp_path: Path) -> None:
    cause = loaded_from(tmp_path, declared="import no_such_library")
    assert cause is not None
    assert "no_such_library" in cause
    assert "version" not in cause


@pytest.mark.parametrize(
    ("needed", "have", "code"),
    [
        ("1.0", "1.3", None),
        ("1.3", "1.3", None),
        ("1.4", "1.3", "plugin.api_version"),
        ("1.9", "2.0", "plugin.api_version"),
    ],
)
def test_a_minor_version_takes_what_was_written_for_earlier_ones_and_a_major_one_does_not(
    needed: str, have: str, code: str | None
) -> None:
    if code is None:
        check("tick", needed, have)
        return
    with pytest.raises(PluginError, match="plugin tick") as raised:
        check("tick", needed, have)
    assert raised.value.code == code


@pytest.mark.parametrize("needed", [1.0, "1", "one", "1.0.0", ("1", "0")])
def test_what_is_no_version_is_named(needed: Any) -> None:
    with pytest.raises(PluginError, match=r"__connect_api__ is .*; expected the version of connect\.api"):
        check("tick", needed)
