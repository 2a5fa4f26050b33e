"""Python: a function of a file, called for each record or each batch.

    "transforms.x.type": "connect.transforms.Python",
    "transforms.x.function": "transforms/orders.py:with_total"

    def with_total(record):  # record: connect.api.Record; return a record, or None to drop it
        return record.replace(value={**record.value, "total": record.value["price"] * record.value["count"]})

The file runs with the worker's rights, so whoever may write connector configs may run code: a worker allows the class
only with `transforms.python.enabled=true`.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from connect.api import (
    Batch,
    Config,
    ConfigError,
    ConnectError,
    DataError,
    Problem,
    Record,
    Transform,
    config_key,
    read_file,
)
from connect_transforms.fields.columns import VERSION

#: The largest file of functions that is read.
SOURCE_BYTES_MAX: Final = 1 << 20


class PythonConfig(Config):
    """Which function."""

    function: str = config_key(
        "The function, as PATH.py:NAME; a relative path is looked up from the worker's directory.", importance="high"
    )
    form: str = config_key(
        "record: called with each Record, returns a Record or None to drop it; "
        "batch: called with each Batch, returns a Batch, a list of them, or None.",
        default="record",
        one_of=("record", "batch"),
    )

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.function.rpartition(":")[0])

    @property
    def name(self) -> str:
        """The function's name in the file."""
        return self.function.rpartition(":")[2]

    def problems(self) -> Iterable[Problem]:
        wrong = self._wrong()
        if wrong:
            yield Problem("function", f"Invalid value {self.function} for configuration function: {wrong}")

    def _wrong(self) -> str | None:
        """Return what is wrong with the file, as far as it can be told without running it."""
        if self.path.suffix != ".py" or not self.name.isidentifier():
            return "expected PATH.py:NAME, such as transforms/orders.py:with_total"
        try:
            # Read whether or not the worker allows the class: so it must be a file that connectors may read, and end.
            tree = ast.parse(read_file(str(self.path), max_bytes=SOURCE_BYTES_MAX), str(self.path))
        except ConfigError as error:
            return error.message
        except OSError as error:
            return f"the file cannot be read: {error.strerror or error}"
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return f"the file is no Python: {error}"
        named = {name for node in tree.body for name in _names_of(node)}
        if self.name not in named:
            return f"the file has no {self.name!r}; it has: {', '.join(sorted(named)) or 'nothing'}"
        return None


def _names_of(node: ast.stmt) -> Iterable[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (name.asname or name.name for name in node.names)


class Python(Transform[PythonConfig]):
    """Call a function of a Python file. It must not change what it is given, but return changed copies."""

    class_name = "connect.transforms.Python"
    version = VERSION
    allowed_by = "transforms.python.enabled"

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._function = _loaded(self.config)

    def apply(self, record: Record) -> Record | None:
        if self.config.form == "batch":
            return super().apply(record)
        result = self._called(record)
        if result is not None and not isinstance(result, Record):
            raise DataError(
                f"{self.config.function} returned {type(result).__name__}; expected a Record, or None to drop it"
            )
        return result

    def apply_batch(self, batch: Batch) -> Batch | list[Batch] | None:
        if self.config.form == "record":
            return super().apply_batch(batch)
        result = self._called(batch)
        for part in result if isinstance(result, list) else [result]:
            if part is not None and not isinstance(part, Batch):
                raise DataError(
                    f"{self.config.function} returned {type(part).__name__}; "
                    "expected a Batch, a list of them, or None to drop all"
                )
        return result  # type: ignore[no-any-return]

    def _called(self, given: Record | Batch) -> Any:
        try:
            return self._function(given)
        except ConnectError:
            raise
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            raise DataError(
                f"{self.config.function} raised {type(error).__name__}: {error} "
                f"(line {at.lineno} of {Path(at.filename).name})"
            ) from error


def _loaded(config: PythonConfig) -> Callable[[Any], Any]:
    """Run the file and return its function.

    Raises:
        ConfigError: The file raises, or what it names cannot be called with one argument.
    """
    path = config.path.resolve()
    try:
        function = getattr(_module(path), config.name)
    except Exception as error:
        raise _refused(config, f"the file raised {type(error).__name__}: {error}") from error
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise _refused(config, "expected a plain function, neither async nor a value")
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise _refused(config, f"expected a function of one argument: {error}") from error
    except ValueError:
        pass  # built in, without a signature: the first call tells
    return function  # type: ignore[no-any-return]


def _module(path: Path) -> ModuleType:
    """Import a file under a name of its own, afresh for each transform, so that a changed file counts at a restart."""
    spec = importlib.util.spec_from_file_location(f"_connect_python_transform_{path.stem}", path)
    assert spec is not None, f"{path} is a Python file"
    assert spec.loader is not None, f"{path} is a Python file"
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up while the file runs
    try:
        spec.loader.exec_module(module)
    finally:
        sys.modules.pop(spec.name, None)
    return module


def _refused(config: PythonConfig, why: str) -> ConfigError:
    return ConfigError(f"Invalid value {config.function} for configuration function: {why}", config_path="function")
