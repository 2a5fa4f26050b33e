from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect.cli.authoring.names import names_of


def test_all_names_of_a_plugin_come_from_one() -> None:
    names = names_of("connect-sea-ice")
    assert (names.name, names.distribution, names.package) == ("sea_ice", "connect-sea-ice", "connect_sea_ice")
    assert (names.function, names.cls, names.title) == ("sea_ice", "SeaIce", "Sea ice")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "lower-case words"),
        ("Weather", "lower-case words"),
        ("sea_ice", "lower-case words"),
        ("-ice", "lower-case words"),
        ("../up", "lower-case words"),
        ("1st", "lower-case words"),
        ("a" * 51, "50 characters at most"),
        ("runtime", "a name of Connect's own"),
        ("connect-api", "a name of Connect's own"),
        ("yield", "a word of Python's"),
        ("match", "a word of Python's"),
        ("list", "a word of Python's"),
        ("json", "standard library"),
        ("postgres", "an installed plugin has it already"),
    ],
)
def test_a_name_that_means_something_already_is_refused_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as raised:
        names_of(name)
    assert raised.value.code == "plugin.bad_name"


def test_a_name_whose_package_can_be_imported_already_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "connect_sleet.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match="connect_sleet can be imported here already"):
        names_of("sleet")
