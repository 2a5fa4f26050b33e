"""A source, a sink and a transform in processes of their own pass the certificate that they pass in the worker's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from connect.api import Record
from connect.runtime.processes.placing import python_path
from connect.runtime.processes.process import Launch
from connect.runtime.processes.stand_ins import stand_in_of
from connect.testing.suites import TransformSuite
from connect_transforms import connect_transforms
from tests.conformance.certificate import test_files, test_transforms

pytestmark = pytest.mark.night

LAUNCH = Launch(path=python_path())
INSERT = next(each for each in connect_transforms() if each.__name__ == "InsertFieldValue")


class TestIsolatedSource(test_files.TestFile):
    connector: ClassVar[Any] = stand_in_of(test_files.TestFile.connector, LAUNCH, "file")


class TestIsolatedSink(test_files.TestFileSink):
    connector: ClassVar[Any] = stand_in_of(test_files.TestFileSink.connector, LAUNCH, "file")


class TestIsolatedTransform(TransformSuite):
    transform: ClassVar[Any] = stand_in_of(INSERT, LAUNCH, "transforms")
    config: ClassVar[dict[str, str]] = {"static.field": "from", "static.value": "here"}
    changes = test_transforms.VALUE

    @pytest.fixture(autouse=True)
    def made(self) -> Iterator[None]:
        """Each has a process, which ends with it."""
        self.instances: list[Any] = []
        yield
        for each in self.instances:
            each.close()

    def _unconfigured(self) -> Any:
        self.instances.append(super()._unconfigured())
        return self.instances[-1]

    def records(self) -> list[Record]:
        return test_transforms.records()
