"""The version that both connectors show."""

from typing import Final

VERSION: Final = "0.1.0"
