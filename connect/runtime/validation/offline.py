"""A look at a connector's config without a worker: what a creation would say, as far as nothing has to be resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connect.api.files import in_force
from connect.runtime.file_rules import file_rules
from connect.runtime.model import ConfigInfos, PluginKind
from connect.runtime.override_policies import PREFIXES
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.providers.references import references_in
from connect.runtime.validation.config_warnings import NO_EFFECT, UNKNOWN_KEY, ConfigWarning, config_warnings
from connect.runtime.validation.enrichment import CONVERTERS, MEMBERS
from connect.runtime.validation.validator import validate_as
from connect.runtime.worker_config import WorkerConfig

#: Under these prefixes keys are the framework's, or of plugins beside the connector.
BESIDE: Final = (
    *(f"{listing}." for listing, _, _ in MEMBERS),
    *(f"{which}." for which, _, _ in CONVERTERS),
    *PREFIXES.values(),
    "topic.creation.",
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen of a config.

    Attributes:
        refers: Keys whose values hold references: of a value that is not known nothing is wrong.
        warnings: Without those about such values.
    """

    infos: ConfigInfos
    warnings: tuple[ConfigWarning, ...]
    refers: frozenset[str]


def look(plugins: PluginHost, worker: WorkerConfig, desc: PluginDesc, config: Mapping[str, Any]) -> Looked:
    """Validate a config, and warn. Starts, resolves and writes nothing; runs plugins' checks of configs, so it blocks.

    Raises:
        ConfigError: As `validate_as`.
    """
    refers = frozenset(key for key, value in config.items() if isinstance(value, str) and references_in(value))
    with in_force(file_rules(worker)):
        infos = validate_as(plugins, worker, desc, config)
        # What needs a permission may run code that the config names: a look at a config must not.
        makes = not any(key.startswith(BESIDE) for key in refers) and not _runs_code(plugins, config)
        warnings = config_warnings(plugins, worker, desc, config, infos, makes=makes)
    told = (one for one in warnings if one.key not in refers or one.code in (UNKNOWN_KEY, NO_EFFECT))
    return Looked(infos, tuple(told), refers)


def _runs_code(plugins: PluginHost, config: Mapping[str, Any]) -> bool:
    found = (plugins.find(str(value).strip(), PluginKind.TRANSFORM) for key, value in config.items() if ".type" in key)
    return any(desc is not None and getattr(desc.cls, "allowed_by", None) is not None for desc in found)
