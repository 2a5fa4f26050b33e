"""Checking a config against the world outside, when a user asks for it: `Connector.check`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from connect.api import ConnectError, Connector, Problem
from connect.runtime.advice import Advice
from connect.runtime.calls import TaskThread, call
from connect.runtime.context import ConnectorContextImpl
from connect.runtime.plugins import PluginDesc

CHECK_TIMEOUT_S: Final = 20.0
#: The code of what a connector says of its surroundings.
CHECK: Final = "check"

logger = logging.getLogger(__name__)


async def check(desc: PluginDesc, config: Mapping[str, Any], *, timeout_s: float = CHECK_TIMEOUT_S) -> list[Advice]:
    """Have a connector look outside. It is configured, asked and closed, never started; what it raises is told too."""
    name = str(config.get("name") or "")
    thread = TaskThread(f"connect-check-{name}")
    connector = cast(Connector, desc.cls())
    connector.context = ConnectorContextImpl(name, reconfigure=lambda: None, fail=lambda error: None)
    try:
        async with asyncio.timeout(timeout_s):
            await thread.run(lambda: connector.configure(connector.config_class.parse(config)))
            problems: Iterable[Problem] = await call(thread, connector.check)
            return [Advice(problem.key, CHECK, problem.message) for problem in problems]
    except TimeoutError:
        return [Advice("", CHECK, f"the check did not end within {timeout_s:g} s")]
    except ConnectError as error:
        told = f"{error.message} ({error.hint})" if error.hint else error.message
        return [Advice(error.config_path or "", error.code, told)]
    except Exception as error:  # a plugin may raise anything; it is told, and logged with its trace
        logger.warning("checking a config of %s failed", desc.name, exc_info=True)
        return [Advice("", "plugin.failed", f"{type(error).__name__}: {error}")]
    finally:
        connector.context.stopping.set()
        thread.close()
        connector.close()
