from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connect.api import ConfigError
from connect.cli.authoring import checks
from connect.cli.authoring.checks import Finding, Level, check, target_of
from tests.support.mypy_cache import mypy_cache

PYPROJECT = """
[project]
name = "connect-checkme"
version = "{version}"
dependencies = [{needs}]
{entries}
"""
ENTRIES = '[project.entry-points.connect]\ncheckme = "connect_checkme"'
RIGHT = '''
from connect.api import source
__connect_api__ = "1.0"
@source
def checkme(topic: str):
    """Gives one.

    Args:
        topic: Where to.
    """
    yield 1
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(checks, "_types", lambda target, modules: iter(()))  # a test of its own: it takes long
    (tmp_path / "src").mkdir()
    yield tmp_path
    sys.modules.pop("connect_checkme", None)


def findings(
    folder: Path, code: str = RIGHT, version: str = "1.0", needs: str = '"connect-runtime"', entries: str = ENTRIES
) -> dict[str, list[Finding]]:
    (folder / "pyproject.toml").write_text(PYPROJECT.format(version=version, needs=needs, entries=entries))
    (folder / "src" / "connect_checkme.py").write_text(code)
    found: dict[str, list[Finding]] = {}
    for finding in check(target_of(str(folder)), timeout_s=5.0):
        found.setdefault(finding.check, []).append(finding)
    return found


def test_a_plugin_that_is_right_has_nothing_to_mend(folder: Path) -> None:
    found = findings(folder)
    assert [f for every in found.values() for f in every if f.level is not Level.OK] == []
    assert set(found) == {"entry points", "names", "docs", "secrets", "version", "api", "import time"}


@pytest.mark.parametrize(
    ("change", "check_", "level", "told"),
    [
        ({"entries": ""}, "entry points", Level.ERROR, "has none in the group connect"),
        ({"code": "import no_such_module\n"}, "entry points", Level.ERROR, "no_such_module"),
        ({"code": "x = 1\n"}, "entry points", Level.ERROR, "registers no hook"),
        ({"version": "one"}, "version", Level.ERROR, "'one' is no version"),
        ({"needs": ""}, "version", Level.WARNING, "does not list connect-runtime"),
        ({"code": RIGHT.replace("__connect_api__", "_x")}, "api", Level.WARNING, "__connect_api__ = '1.0'"),
        (
            {"code": RIGHT.replace("topic: str", "topic: str, x: int = 1")},
            "docs",
            Level.WARNING,
            "the key x says",
        ),
        (
            {"code": RIGHT.replace("(topic: str", "(topic: str, api_token: str")},
            "secrets",
            Level.ERROR,
            "the key api.token is STRING, so REST and the log show it; write Secret",
        ),
        (
            {"code": RIGHT.replace("@source\n", '@source(aliases=("FileStreamSource",))\n')},
            "names",
            Level.ERROR,
            "answers to FileStreamSource, and so does org.apache.kafka.connect.file.FileStreamSourceConnector",
        ),
        (
            {"entries": ENTRIES.replace("checkme =", "transforms =")},
            "names",
            Level.ERROR,
            "connect-runtime has an entry point transforms, too",
        ),
        (
            {"code": f"import time; time.sleep(1.2)\n{RIGHT}"},
            "import time",
            Level.WARNING,
            "s to import, and every start waits for it",
        ),
    ],
)
def test_what_is_to_be_mended_is_told(
    folder: Path, change: dict[str, str], check_: str, level: Level, told: str
) -> None:
    found = findings(folder, **change)[check_]
    assert [f for f in found if f.level is level and told in f.message], found


@pytest.mark.slow
def test_what_mypy_finds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYPY_CACHE_DIR", mypy_cache("checked"))
    (tmp_path / "pyproject.toml").write_text(PYPROJECT.format(version="1", needs="", entries=ENTRIES))
    package = tmp_path / "src" / "connect_checkme"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("x: int = 'text'\n")
    found = list(checks._types(target_of(str(tmp_path)), ["connect_checkme"]))
    assert [f.level for f in found] == [Level.ERROR, Level.WARNING]
    assert "Incompatible types" in found[0].message
    assert "no py.typed" in found[1].message


@pytest.mark.slow
def test_every_package_of_a_plugin_is_typed_or_missed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT.format(version="1", needs="", entries=ENTRIES))
    (tmp_path / "one_of_two.py").write_text("x: int = 1\n")
    (tmp_path / "other_of_two.py").write_text("x: int = 'text'\n")
    found = list(checks._types(target_of(str(tmp_path)), ["one_of_two", "other_of_two", "third"]))
    assert [f.level for f in found] == [Level.WARNING, Level.ERROR]
    assert "no sources of third" in found[0].message
    assert "Incompatible types" in found[1].message


def test_a_dynamic_version_of_what_is_not_installed_is_no_wrong_one(folder: Path) -> None:
    findings(folder)
    text = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text.replace('version = "1.0"', 'dynamic = ["version"]'))
    found = [f for f in check(target_of(str(folder)), timeout_s=5.0) if f.check == "version"]
    assert [(f.level, "is not installed" in f.message) for f in found] == [(Level.WARNING, True)]


def test_an_installed_plugin_is_checked_by_its_name() -> None:
    target = target_of("transforms")
    assert (target.title, target.entries) == ("connect-runtime", {"transforms": "connect_transforms"})
    assert len(target_of("connect-runtime").entries) > 3


def test_what_is_no_plugin_and_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no plugin") as raised:
        target_of(str(tmp_path))
    assert raised.value.code == "plugin.not_found"
    (tmp_path / "pyproject.toml").write_text("= no toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        target_of(str(tmp_path))
