"""Do the tests notice? `python -m tests.mutation connect/codec/varint.py` changes code, one small thing at a time.

For each change a process is forked that sees the changed module in place of the real one, and runs the mirrored tests
until one fails, then those of the same folder that use the module or mirror none. Where none fails, the change is
printed: either nobody promises what it breaks, or a test is missing, or it changes nothing. No file is written. Runs on
systems with `fork`.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import importlib.machinery
import os
import random
import re
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.house.test_mirror import mirrors

ROOT = Path(__file__).parents[1]
#: A test that hangs has noticed. What the unchanged code takes counts several times, since the machine may be busy.
TIMEOUT_S, TIMEOUT_FACTOR = 20.0, 5.0

#: Imported before the first fork, since each process would take its time for them. None of them imports ours.
PRELOADED = ("hypothesis", "pytest_asyncio", "pydantic", "asyncpg", "anyio", "aiofiles", "orjson")
#: Plugins of pytest that take time to load, in each process, and do nothing here.
UNUSED_PLUGINS = ("cacheprovider", "xdist.plugin")

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.Div: ast.Mult,
    ast.Break: ast.Continue,
    ast.Continue: ast.Break,
}

#: Keywords that no test need see, by what is called with them, since they change nothing that right code does.
UNSEEN: dict[str, set[str]] = {
    "dataclass": {"frozen", "slots", "kw_only"},  # the type checker refuses what they forbid
    "zip": {"strict"},  # an assertion of our own
    "config_key": {"importance"},  # the type checker knows the words; tests/docs compares each with the reference
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed module. `change` says what became what."""

    line: int
    change: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield each change of a module. Docstrings, messages, annotations and assertions stay as they are."""
    tree = ast.parse(source)
    for node, name, old, new in list(_changes(tree)):
        _set(node, name, new)
        yield Mutant(
            getattr(old, "lineno", 0) or getattr(node, "lineno", 0),
            f"{_shown(old)} -> {_shown(new)}",
            ast.unparse(ast.fix_missing_locations(tree)),
        )
        _set(node, name, old)


def _set(node: ast.AST, name: str | tuple[str, int], value: Any) -> None:
    if isinstance(name, str):
        setattr(node, name, value)
    else:
        getattr(node, name[0])[name[1]] = value


def _shown(node: Any) -> str:
    return ast.unparse(node) if isinstance(node, ast.expr | ast.stmt) else getattr(type(node), "__name__", str(node))


def _changes(tree: ast.AST) -> Iterator[tuple[Any, str | tuple[str, int], Any, Any]]:
    for node in _code(tree):
        match node:
            case ast.Compare():
                for place, op in enumerate(node.ops):
                    yield node, ("ops", place), op, SWAPS[type(op)]()
            case ast.BoolOp() | ast.BinOp() | ast.AugAssign() if type(node.op) in SWAPS:
                yield node, "op", node.op, SWAPS[type(node.op)]()
            case ast.If() | ast.While() | ast.IfExp():
                yield node, "test", node.test, ast.UnaryOp(ast.Not(), copy.deepcopy(node.test))
            case ast.Return(value=ast.expr() as value) if not _is_none(value):
                yield node, "value", value, ast.Constant(None)
            case ast.Call(args=[*_, last]) if not _is_none(last) and not _is_message(last):
                yield node, ("args", -1), last, ast.Constant(None)
        for name, child in _children(node):
            if isinstance(child, ast.Constant) and (new := _other(child.value)) is not None:
                yield node, name, child, ast.Constant(new)
            elif isinstance(child, ast.Break | ast.Continue):
                yield node, name, child, SWAPS[type(child)]()
            elif isinstance(child, ast.Raise) or (isinstance(child, ast.Expr) and not _is_text(child.value)):
                yield node, name, child, ast.Pass()


def _code(node: ast.AST) -> Iterator[Any]:
    """Walk what runs, but for what a test need not see."""
    yield node
    for name, child in _children(node):
        hidden = isinstance(child, ast.Assert | ast.JoinedStr | ast.Raise) or name in ("annotation", "returns")
        if not hidden and hasattr(child, "_fields") and not _is_unseen(node, child):
            yield from _code(child)


def _is_unseen(node: ast.AST, child: Any) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and isinstance(child, ast.keyword)
        and child.arg in UNSEEN.get(node.func.id, ())
    )


def _children(node: ast.AST) -> Iterator[tuple[str | tuple[str, int], Any]]:
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            yield from (((name, place), child) for place, child in enumerate(value))
        elif isinstance(value, ast.AST):
            yield name, value


def _other(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str() if value and not _is_message(ast.Constant(value)):
            return value + "x"
        case bytes():
            return value + b"x"
    return None


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_message(node: ast.expr) -> bool:
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and (text.strip().endswith(".") or "\n" in text)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant | ast.Yield | ast.Await)


def run(module: Path, source: str | None, tests: list[str], timeout_s: float) -> str:
    """Run tests in a process that sees `source` as the module; return 'killed', 'survived' or 'timeout'."""
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        _see(module, source)
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        unused = (f"-pno:{each}" for each in UNUSED_PLUGINS)
        os._exit(0 if pytest.main(["-x", "-q", "--assert=plain", *unused, *tests]) == 0 else 1)
    ends = time.monotonic() + timeout_s
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "killed" if status else "survived"
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def _see(module: Path, source: str | None) -> None:
    sys.dont_write_bytecode = True
    if source is None:
        return
    get_code = importlib.machinery.SourceFileLoader.get_code

    def changed(self: importlib.machinery.SourceFileLoader, name: str) -> Any:
        return compile(source, self.path, "exec") if Path(self.path) == module else get_code(self, name)

    importlib.machinery.SourceFileLoader.get_code = changed  # type: ignore[method-assign]


def tests_of(module: Path) -> list[list[str]]:
    """Return the files of tests that may notice a change of a module, in the order in which they are asked.

    First its mirror. Then those of the same folder of tests that import it, and those that mirror no module, since they
    say what holds for the whole folder.
    """
    mirrored = mirrors(ROOT)
    mirror = mirrored.get(str(module.relative_to(ROOT)))
    if mirror is None or not mirror.exists():
        return []
    parts = module.relative_to(ROOT).with_suffix("").parts
    name = re.compile(rf"\b{re.escape('.'.join(parts if parts[0] == 'connect' else parts[1:]))}\b")
    folder = ROOT.joinpath(*mirror.relative_to(ROOT).parts[:2])
    wider = [
        str(path)
        for path in sorted(folder.rglob("test_*.py"))
        if path != mirror and (path not in mirrored.values() or name.search(path.read_text()))
    ]
    return [[str(mirror)], wider] if wider else [[str(mirror)]]


@cache
def timeout_of(tests: tuple[str, ...]) -> float:
    """Run tests with nothing changed; return how many seconds they may take."""
    began = time.monotonic()
    assert run(ROOT, None, [*tests], 600) == "survived", f"{' '.join(tests)} fail without any change"
    return TIMEOUT_S + TIMEOUT_FACTOR * (time.monotonic() - began)


def look_at(path: Path, stages: list[list[str]], sample: int, seed: int) -> tuple[int, int]:
    """Try a module's changes, or as many as `sample`; return how many were noticed, and how many there were."""
    timeouts_s = [timeout_of(tuple(tests)) for tests in stages]
    found = list(mutants(path.read_text()))
    chosen = found if len(found) <= sample else random.Random(seed).sample(found, sample)
    noticed = 0
    for mutant in sorted(chosen, key=lambda each: each.line):
        for tests, timeout_s in zip(stages, timeouts_s, strict=True):
            if (end := run(path, mutant.source, tests, timeout_s)) != "survived":
                break
        if end != "killed":
            print(f"  {end} {path.relative_to(ROOT)}:{mutant.line}: {mutant.change}", flush=True)
        noticed += end != "survived"
    print(f"{path.relative_to(ROOT)}: {noticed} of {len(chosen)} noticed, of {len(found)} changes", flush=True)
    return noticed, len(chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+", type=Path)
    parser.add_argument("--tests", nargs="*", help="what is run in place of each module's own")
    parser.add_argument("--sample", type=int, default=1 << 30, help="changes of a module at most")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for name in PRELOADED:
        importlib.import_module(name)
    sums = [0, 0]
    for module in (ROOT / each for each in given.modules):
        files = sorted(module.rglob("*.py")) if module.is_dir() else [module]
        for path in files:
            if stages := [given.tests] if given.tests else tests_of(path):
                noticed, tried = look_at(path, stages, given.sample, given.seed)
                sums = [sums[0] + noticed, sums[1] + tried]
    print(f"{sums[0]} of {sums[1]} noticed: {sums[0] / max(sums[1], 1):.0%}")


if __name__ == "__main__":
    main()
