"""`connect lint`: what is wrong, or likely to go wrong, with configs as they stand in files. No worker is asked.

It says what a creation would say (`validator`, `config_warnings`), and what only a file shows: a secret in clear, a
mask in the place of one, blanks around a value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from connect.api import ConfigError, InvalidConfigError, register_code
from connect.api.error_codes import CODES
from connect.runtime.connector_config import SinkConnectorConfig, SourceConnectorConfig
from connect.runtime.factory import connector_desc
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.providers.config_providers import NO_REFERENCES, provider_names, why_unknown
from connect.runtime.providers.references import references_in
from connect.runtime.secret_text import hide, holds_mask
from connect.runtime.secrets import secret_keys, secret_pieces, without
from connect.runtime.validation.config_warnings import NO_EFFECT, RISKY, UNKNOWN_CLASS, UNKNOWN_KEY, WILL_FAIL
from connect.runtime.validation.findings import Finding, Level
from connect.runtime.validation.migration import class_problems, readable_worker
from connect.runtime.validation.offline import look
from connect.runtime.validation.validator import nearest_classes
from connect.runtime.validation.worker_keys import key_notices, reference_notices
from connect.runtime.worker_config import WorkerConfig

INVALID: Final = ConfigError.default_code
SECRET: Final = register_code(
    "lint.secret",
    "A config file has a secret in clear.",
    "Write a reference such as ${env:NAME}, of a provider that the worker has: "
    "docs/howto/keep-secrets-out-of-configs.md.",
)
MASK: Final = register_code(
    "lint.mask",
    "A config has [hidden] in the place of a secret: it was copied from an answer that hides them.",
    "Write a reference, or the value.",
)
BLANKS: Final = register_code(
    "lint.blanks", "A config's value has blanks or a line end around it, which a text keeps.", "Remove them."
)
REFERENCE: Final = register_code(
    "lint.reference",
    "A config refers to a config provider that there is not, so the text itself is the value.",
    "Name the provider in config.providers of the worker, or mend the reference.",
)
#: What there is to do about a warning, by its code; its message says what it is about.
_FIXES: Final = {
    UNKNOWN_KEY: "Mend the name, or remove the key: nothing reads it.",
    NO_EFFECT: "Remove the key, or change what keeps it from having an effect.",
    UNKNOWN_CLASS: "Install the plugin, or mend the name: 'connect plugin list' shows what there is.",
    WILL_FAIL: "Mend it: each task would fail as it starts.",
    RISKY: "Look at whether this is meant.",
}


def lint_connector(
    plugins: PluginHost, worker: WorkerConfig, name: str, config: Mapping[str, str], *, knows_worker: bool
) -> list[Finding]:
    """Return what is to be said of a connector's config. Runs plugins' checks of configs, so it blocks.

    Args:
        knows_worker: The worker's config is that of the connector, and no other in its place.
    """
    whole = {"name": name, **config}
    found = [*_of_texts(plugins, whole), *_of_references(worker, whole, knows_worker=knows_worker)]
    try:
        desc = connector_desc(plugins, whole)
        found += _of_connector(plugins, worker, desc, whole)
    except ConfigError as error:
        found.append(
            Finding(error.config_path or "connector.class", Level.ERROR, error.message, error.code, error.hint)
        )
        found += _of_any_connector(whole)
    pieces = secret_pieces(plugins, whole)
    return [Finding(one.check, one.level, without(one.message, pieces), one.code, one.fix) for one in found]


def _of_connector(
    plugins: PluginHost, worker: WorkerConfig, desc: PluginDesc, config: Mapping[str, str]
) -> Iterator[Finding]:
    looked = look(plugins, worker, desc, config)
    near = nearest_classes(looked.infos)
    explained = {warning.key for warning in looked.warnings if warning.code == UNKNOWN_CLASS}
    for info in looked.infos.configs:
        key = info.value.name
        if key in looked.refers or key in explained:
            continue
        for message in info.value.errors[:1]:  # the others follow from it: what is no number is null, too
            yield Finding(key, Level.ERROR, message, INVALID, near.get(key, ""))
    for warning in looked.warnings:
        level = Level.ERROR if warning.code in (UNKNOWN_CLASS, WILL_FAIL) else Level.WARNING
        yield Finding(warning.key, level, warning.message, warning.code, _FIXES.get(warning.code, ""))


def _of_any_connector(config: Mapping[str, str]) -> Iterator[Finding]:
    """Find what is wrong with the keys that each connector has, where the class is not known."""
    kind = SinkConnectorConfig if {"topics", "topics.regex"} & config.keys() else SourceConnectorConfig
    try:
        kind.parse({**config, "connector.class": "unknown"})
    except InvalidConfigError as error:
        for problem in error.problems:
            yield Finding(problem.key, Level.ERROR, problem.message, INVALID)


def _of_texts(plugins: PluginHost, config: Mapping[str, str]) -> Iterator[Finding]:
    secret = secret_keys(plugins, config)
    for key, value in config.items():
        if holds_mask(value):
            yield _file_finding(key, Level.ERROR, "it is a mask, not the secret", MASK)
        elif not list(references_in(value)) and (key in secret or hide(value) != value):
            yield _file_finding(key, Level.WARNING, "it is a secret, and anyone who reads the file has it", SECRET)
        if value != value.strip() and value.strip():
            yield _file_finding(key, Level.WARNING, "there are blanks around it, which a text keeps", BLANKS)


def _of_references(worker: WorkerConfig, config: Mapping[str, str], *, knows_worker: bool) -> Iterator[Finding]:
    known = provider_names(worker.originals)
    for key, value in config.items():
        for one in references_in(value):
            if key in NO_REFERENCES:
                yield Finding(key, Level.ERROR, f"{one}: it cannot be a reference", INVALID, "Write the value itself.")
            elif knows_worker and one.provider not in known:
                told = f"{one} is taken as it is: {why_unknown(one.provider, known)}"
                yield _file_finding(key, Level.WARNING, told, REFERENCE)


def _file_finding(key: str, level: Level, message: str, code: str) -> Finding:
    """Return a finding of a code of ours, whose hint says what to do."""
    return Finding(key, level, message, code, CODES[code].hint)


def lint_worker(
    plugins: PluginHost, texts: Mapping[str, str], engine_keys: Collection[str], refused: Iterable[tuple[str, str]] = ()
) -> list[Finding]:
    """Return what is to be said of a worker's config. Runs plugins' declarations, so it blocks.

    Args:
        engine_keys: The keys that the log reads.
        refused: What the log, the listeners and clients refuse of it, as key and message.
    """
    config, wrong = readable_worker(texts)
    problems = [*wrong.items(), *class_problems(plugins, config), *refused]
    found = [Finding(key, Level.ERROR, message, INVALID) for key, message in problems]
    for notice in (*key_notices(config, engine_keys, plugins), *reference_notices(config)):
        if notice.act:
            found.append(Finding(notice.key, Level.WARNING, notice.message, f"worker.{notice.kind}"))
    return found
