"""What validation says of a config's values, told to whoever sent the references: no value is in it."""

from __future__ import annotations

import dataclasses

from connect.runtime.model import ConfigInfo, ConfigInfos
from connect.runtime.providers.config_providers import Look
from connect.runtime.validation.validator import told


def written_infos(infos: ConfigInfos, look: Look) -> ConfigInfos:
    """Return an answer with the references in place of the values, and with what is wrong with the references."""
    resolved = look.resolved
    if not resolved.values and not look.problems:
        return infos
    failed = {problem.key for problem in look.problems}
    shown = tuple(_written(info, look, failed) for info in infos.configs)
    return told(dataclasses.replace(infos, configs=shown), look.problems)


def _written(info: ConfigInfo, look: Look, failed: set[str]) -> ConfigInfo:
    own, resolved = info.value, look.resolved
    # Of a reference without a value it is only said why there is none: its own text is no value.
    errors = () if own.name in failed else tuple(map(resolved.hide, own.errors))
    value = resolved.written.get(own.name) if own.name in resolved.parts or own.name in failed else own.value
    # What is recommended is declared, or installed: no value has a part in it.
    return dataclasses.replace(info, value=dataclasses.replace(own, value=value, errors=errors))
