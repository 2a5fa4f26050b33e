"""The engines' classes against the ports that they stand behind."""

from __future__ import annotations

import inspect
from typing import Any

from connect.ports import Cluster


def signatures(described: type[Any]) -> dict[str, str]:
    """Return a port's members, each with how it is called; 'property' for those that are read."""
    return {
        name: "property" if isinstance(member, property) else _call(member)
        for name, member in vars(described).items()
        if not name.startswith("_") and (callable(member) or isinstance(member, property))
    }


def _call(member: Any) -> str:
    # Without annotations: where a class has a method called list, its own are written in other words.
    called = inspect.signature(member)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in called.parameters.values()]
    kind = "async " if inspect.iscoroutinefunction(member) else ""
    return kind + str(called.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def offered(implementation: object, port: type[Any]) -> dict[str, str]:
    """Return what an object has of a port's members, in the port's order."""
    kept = type(implementation)
    found = {name: inspect.getattr_static(kept, name) for name in signatures(port) if hasattr(kept, name)}
    return signatures(type("Offered", (), found))


async def assert_offers(cluster: Cluster, port: type[Any], of: Any) -> None:
    """Check that an engine's object, which `of` gets out of a cluster, has each member of a port as declared."""
    given = of(cluster)
    implementation = await given if inspect.isawaitable(given) else given
    assert offered(implementation, port) == signatures(port)
    if hasattr(implementation, "aclose"):
        await implementation.aclose()
