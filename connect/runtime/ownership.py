"""Which set a connector belongs to: who applies a set of files prunes what bears its name alone."""

from __future__ import annotations

from typing import Final

from connect.api import Config, config_key

KEY: Final = "apply.set"


class OwnershipConfig(Config):
    """The key that `connect apply --set NAME` gives each connector of its files."""

    apply_set: str = config_key(
        "Set of connectors that this one belongs to: 'connect apply --set NAME --prune' deletes those of the set that "
        "are in none of its files. A change is heeded at once, without a restart.",
        default="",
        importance="low",
        group="Common",
        display_name="Set",
    )
