"""What an instance of a connector is asked that was configured and never started, beside its tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from connect.api import ConnectError, PluginError, SinkConnector, SourceConnector
from connect.runtime.border.calls import PluginTimeoutError, TaskThread, call
from connect.runtime.border.watchdog import Watchdog
from connect.runtime.factory import connector_desc
from connect.runtime.plugins import PluginHost
from connect.runtime.tasks.context import ConnectorContextImpl
from connect.runtime.validation.checking import closed

T = TypeVar("T")


async def ask(
    plugins: PluginHost,
    name: str,
    config: Mapping[str, str],
    method: str,
    *args: Any,
    answer: Callable[[object, Any], T],
    doing: str,
    otherwise: str,
    timeout_s: float,
    watchdog: Watchdog | None,
) -> T:
    """Make an instance of a connector's class, have a method of it called, close it, and return what came of it.

    Args:
        config: With its references resolved.
        answer: Takes the instance and what the method returned, gives what that means.
        doing: What the connector is to do, as an infinitive: "check the offsets".
        otherwise: What holds where it does not: "nothing was changed".
        timeout_s: For all of it.

    Raises:
        PluginTimeoutError: It did not come back in time.
        ConnectError: What the connector raised, with its name before it.
    """
    desc = connector_desc(plugins, config)
    thread = TaskThread(
        f"connect-{name}-aside",
        who=f"connector {name}",
        plugin=desc.name,
        watch=watchdog,
        deadline_s=timeout_s,
    )
    context = ConnectorContextImpl(name, reconfigure=lambda: None, fail=lambda error: None)
    made: list[SourceConnector | SinkConnector] = []

    def make() -> None:
        plugin = cast(SourceConnector | SinkConnector, desc.cls())
        plugin.context = context
        made.append(plugin)
        plugin.configure(plugin.config_class.parse(config))

    try:
        async with asyncio.timeout(timeout_s):
            await thread.bounded(timeout_s, make)
            return answer(made[0], await call(thread, getattr(made[0], method), *args, limit_s=timeout_s))
    except (TimeoutError, PluginTimeoutError):
        raise PluginTimeoutError(f"connector {name!r} did not {doing} within {timeout_s:g} s; {otherwise}") from None
    except PluginError as error:
        error.message = f"connector {name!r} failed to {doing}: {error.message}; {otherwise}"
        raise
    except ConnectError as error:
        error.message = f"connector {name!r}: {error.message}"
        raise
    finally:
        context.stopping.set()
        if made:
            await closed(thread, made[0])
        thread.close()
