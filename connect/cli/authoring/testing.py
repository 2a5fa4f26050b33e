"""What `connect plugin test` runs: the tests of a plugin's folder, or the certificate of one class."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from connect.api import ConfigError, register_code
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc

NOT_TESTABLE: Final = register_code(
    "plugin.not_testable",
    "There are no tests to run, and no certificate for what is named.",
    "Name a folder with tests, or a class that a suite of connect.testing.suites is for.",
)
#: pytest's exit code where it has found no test.
NO_TESTS: Final = 5
#: The suite for each kind, and what it calls the class.
_SUITES: Final = {
    PluginKind.SOURCE: ("SourceSuite", "connector"),
    PluginKind.SINK: ("SinkSuite", "connector"),
    PluginKind.TRANSFORM: ("TransformSuite", "transform"),
    PluginKind.CONVERTER: ("ConverterSuite", "converter"),
    PluginKind.HEADER_CONVERTER: ("ConverterSuite", "converter"),
}
_CERTIFICATE: Final = """\
import importlib

from connect.testing import suites


class TestCertificate(suites.{suite}):
    {attribute} = getattr(importlib.import_module({module!r}), {name!r})
    config = {config!r}
"""


def run_tests(folder: Path, more: Sequence[str] = ()) -> int:
    """Run the tests of a plugin's folder by pytest, with its own settings; return pytest's exit code.

    Raises:
        ConfigError: plugin.not_testable: pytest is not installed.
    """
    return _pytest([*more], folder)


def run_certificate(desc: PluginDesc, config: Mapping[str, str], folders: Sequence[Path], more: Sequence[str]) -> int:
    """Run the certificate of one class; return pytest's exit code.

    Args:
        config: The plugin's keys, as a user gives them.
        folders: Where its module is, if it is not installed.

    Raises:
        ConfigError: plugin.not_testable: there is no suite for its kind, or pytest is not installed.
    """
    if desc.kind not in _SUITES:
        kinds = ", ".join(_SUITES)
        raise ConfigError(f"there is no certificate for a {desc.kind.value}; there is for {kinds}", code=NOT_TESTABLE)
    suite, attribute = _SUITES[desc.kind]
    if "." in desc.cls.__qualname__:
        raise ConfigError(f"{desc.name} is no name of its module, so no test can import it", code=NOT_TESTABLE)
    text = _CERTIFICATE.format(
        suite=suite, attribute=attribute, module=desc.cls.__module__, name=desc.cls.__qualname__, config=dict(config)
    )
    with tempfile.TemporaryDirectory(prefix="connect-certificate-") as directory:
        (Path(directory) / "test_certificate.py").write_text(text, encoding="utf-8")
        (Path(directory) / "pytest.ini").write_text("[pytest]\n")
        return _pytest(["-p", "no:cacheprovider", "test_certificate.py", *more], Path(directory), folders)


def _pytest(arguments: Sequence[str], folder: Path, importable: Sequence[Path] = ()) -> int:
    _need_pytest()
    paths = [*(str(path.resolve()) for path in importable), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    command = [sys.executable, "-m", "pytest", *arguments]
    # For as long as the tests are: who has begun them ends them, by Ctrl-C.
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode  # noqa: S603 - their own tests


def _need_pytest() -> None:
    if importlib.util.find_spec("pytest") is None:
        raise ConfigError("pytest is not installed", code=NOT_TESTABLE, hint="Run: pip install pytest")
