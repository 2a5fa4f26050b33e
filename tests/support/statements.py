"""The statements of a module, without a look at every expression in them: a tenth of the nodes of its tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_BODIES = ("body", "orelse", "finalbody", "handlers", "cases")


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements below a module or statement, however deep they stand, and what holds some of them: the
    handlers of a `try`, the cases of a `match`."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        for name in _BODIES:
            below = getattr(node, name, None)
            if isinstance(below, list):  # a lambda's and a condition's are expressions
                yield from below
                waiting += below
