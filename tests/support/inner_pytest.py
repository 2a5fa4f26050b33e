"""Pytest in a process of its own, as a test runs it, loads what it needs by name.

Left to itself it imports whatever is installed with a plugin for it, of which most of the time of a short run is made.
"""

from __future__ import annotations

from typing import Final

#: The environment of such a process. That pytest finds our plugin by its entry point is seen in
#: `tests/test_pytest_plugin.py`.
INNER_PYTEST: Final = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_PLUGINS": "connect.pytest_plugin,pytest_asyncio.plugin",
}
