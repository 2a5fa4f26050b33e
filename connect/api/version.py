"""The version of the API, which is not that of the distribution: docs/reference/api-stability.md says what moves it."""

from typing import Final

#: 'major.minor'. A plugin that needs at least this one says `__connect_api__ = "1.0"` in its module.
VERSION: Final = "1.0"
