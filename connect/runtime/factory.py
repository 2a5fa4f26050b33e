"""Making plugin instances from connector configs: connectors, converters and stages, configured."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from connect.api import (
    ConfigError,
    ConfigType,
    Connector,
    Converter,
    HeaderConverter,
    InvalidConfigError,
    Plugin,
    Predicate,
    Problem,
    Transform,
    invalid_config,
)
from connect.api.config_values import parse_type
from connect.runtime.border.calls import within
from connect.runtime.clock import now_ms
from connect.runtime.config_prefixes import strip_prefix
from connect.runtime.connector_config import ConnectorConfig, SinkConnectorConfig, SourceConnectorConfig
from connect.runtime.contracts.contract import ALIAS, Contract
from connect.runtime.model import PluginKind
from connect.runtime.plugins import CONNECTOR_KINDS, PluginDesc, PluginHost
from connect.runtime.processes.placing import placed
from connect.runtime.processes.stand_ins import one_chain
from connect.runtime.tasks.pipeline import Pipeline, close_all, plugins_of
from connect.runtime.tasks.stages import Stage
from connect.runtime.tasks.tolerance import Tolerance
from connect.runtime.validation.elsewhere import instead_of, instead_of_connector
from connect.runtime.worker_config import WorkerConfig

P = TypeVar("P", bound=Plugin)


def connector_desc(plugins: PluginHost, config: Mapping[str, Any]) -> PluginDesc:
    """Return the plugin that `connector.class` names, to run where the config and the worker say.

    Raises:
        ConfigError: The key is missing, or no connector has that name.
    """
    name = config.get("connector.class")
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(
            "Connector config contains no connector type: key 'connector.class' is missing",
            hint="Name a connector class; 'connect plugin list' shows what is installed.",
            config_path="connector.class",
        )
    try:
        desc = plugins.resolve(name.strip(), *CONNECTOR_KINDS, config_path="connector.class")
        return placed(desc, config, plugins.processes)
    except ConfigError as error:
        if (instead := instead_of_connector(name.strip())) is not None:
            error.hint = f"{instead[0].upper()}{instead[1:]}."
        raise


def task_class_name(connector: type[Connector]) -> str:
    """Name a connector's task class, as Kafka Connect would: FileStreamSourceConnector's is FileStreamSourceTask."""
    task = connector.task_class
    if task.class_name is None and connector.class_name is not None:
        return connector.class_name.removesuffix("Connector") + "Task"
    return task.plugin_name()


def framework_config(desc: PluginDesc, config: Mapping[str, Any]) -> ConnectorConfig:
    """Parse the framework's own keys of a connector config."""
    return (SinkConnectorConfig if desc.kind is PluginKind.SINK else SourceConnectorConfig).parse(config)


def make_stages(
    plugins: PluginHost,
    config: ConnectorConfig,
    worker: WorkerConfig | None = None,
    stopping: threading.Event | None = None,
) -> list[Stage]:
    """Make the transforms of a connector config, in order, with their predicates. Blocks, as `make_pipeline` does.

    Args:
        worker: Says what connectors may use; left out, they may use what needs no permission.
        stopping: Set once the task that they are of is to stop: steps in a process of their own have their grace time
            from then on, wherever they are.

    Raises:
        ConfigError: A type is missing, unknown or not allowed, a key is wrong, or a predicate is not defined.
    """
    with one_chain(stopping):
        return _stages(plugins, config, worker or WorkerConfig.parse({}))


def _stages(plugins: PluginHost, config: ConnectorConfig, allowing: WorkerConfig) -> list[Stage]:
    with _made_whole() as made:
        return _stages_of(plugins, config, allowing, made)


@contextmanager
def _made_whole() -> Iterator[list[Plugin]]:
    """Close what was made if the rest cannot be: nobody else knows of it."""
    made: list[Plugin] = []
    try:
        yield made
    except BaseException:
        close_all(made)
        raise


def _stages_of(plugins: PluginHost, config: ConnectorConfig, allowing: WorkerConfig, made: list[Plugin]) -> list[Stage]:
    raw = config.originals
    predicates = {}
    for alias in config.predicates:
        predicates[alias] = _member(plugins, allowing, raw, f"predicates.{alias}", PluginKind.PREDICATE)
        made.append(predicates[alias])
    stages: list[Stage] = []
    for alias in config.transforms:
        prefix = f"transforms.{alias}"
        transform = cast(Transform, _member(plugins, allowing, raw, prefix, PluginKind.TRANSFORM))
        made.append(transform)
        name = raw.get(f"{prefix}.predicate")
        negate = parse_type(f"{prefix}.negate", raw.get(f"{prefix}.negate", False), ConfigType.BOOLEAN)
        if name is None:
            if f"{prefix}.negate" in raw and negate:
                raise _problem(f"{prefix}.negate", "there is no predicate to negate")
            stages.append(Stage(alias, transform))
        elif name not in predicates:
            known = ", ".join(predicates) or "none"
            raise _problem(f"{prefix}.predicate", f"predicate {name!r} is not defined; defined are: {known}")
        else:
            stages.append(Stage(alias, transform, cast(Predicate, predicates[name]), negate))
    used = {id(stage.predicate) for stage in stages}
    close_all([predicate for predicate in predicates.values() if id(predicate) not in used])
    return stages


def contract_stage(contract: Contract) -> Stage:
    """Return a contract as the stage that it is."""
    contract.alias = ALIAS
    return Stage(ALIAS, contract)


def make_converter(
    plugins: PluginHost,
    worker: WorkerConfig,
    config: ConnectorConfig,
    which: str,
    *,
    interrupted: threading.Event | None = None,
) -> Converter:
    """Make the converter of 'key.converter' or 'value.converter': the connector's own, else the worker's.

    Args:
        interrupted: Set while the task that it is of is asked to stop or to pause.
    """
    desc, own = _converter_desc(plugins, worker, config, which, PluginKind.CONVERTER)
    converter = cast(Converter, _new(desc.cls))
    converter.is_key = which == "key.converter"
    if interrupted is not None:
        converter.interrupted = interrupted
    return _configured(converter, own, prefix=which)


def make_header_converter(plugins: PluginHost, worker: WorkerConfig, config: ConnectorConfig) -> HeaderConverter:
    """Make the header converter: the connector's own, else the worker's."""
    desc, own = _converter_desc(plugins, worker, config, "header.converter", PluginKind.HEADER_CONVERTER)
    return _configured(cast(HeaderConverter, _new(desc.cls)), own, prefix="header.converter")


def make_pipeline(
    plugins: PluginHost,
    worker: WorkerConfig,
    config: ConnectorConfig,
    *,
    log: logging.Logger | logging.LoggerAdapter[Any],
    interrupted: threading.Event,
    stopping: threading.Event | None = None,
    contract: Contract | None = None,
) -> tuple[Pipeline, Tolerance]:
    """Make what lies between a task and the log.

    Constructs and configures plugins, so it blocks: not on the event loop.

    Args:
        contract: What holds records against what is known of their topics, behind all transforms.
        stopping: As `make_stages` takes it.
    """
    tolerance = Tolerance(config, log=log, interrupted=interrupted)
    with _made_whole() as made:
        stages = make_stages(plugins, config, worker, stopping)
        if contract is not None:
            stages.append(contract_stage(contract))
        made += plugins_of(stages)
        for which in ("key.converter", "value.converter"):
            made.append(make_converter(plugins, worker, config, which, interrupted=interrupted))
        key, value = cast(list[Converter], made[-2:])
        header = make_header_converter(plugins, worker, config)
    return Pipeline(stages, key, value, header, tolerance, now_ms), tolerance


def _converter_desc(
    plugins: PluginHost, worker: WorkerConfig, config: ConnectorConfig, which: str, kind: PluginKind
) -> tuple[PluginDesc, Mapping[str, Any]]:
    # A connector that names a converter gives all of its keys; one that names none takes the worker's whole.
    named = getattr(config, which.replace(".", "_"))
    if named:
        return plugins.resolve(named, kind, config_path=which), strip_prefix(config.originals, which + ".")
    return plugins.resolve(getattr(worker, which.replace(".", "_")), kind, config_path=which), worker.converter_config(
        which
    )


def check_default_converters(plugins: PluginHost, worker: WorkerConfig) -> None:
    """Make sure that the converters of connectors that name none are installed: else each of their tasks would fail.

    Raises:
        ConfigError: config.unknown_class; names the key, the nearest class, or all that are installed.
    """
    for which, kind in (
        ("key.converter", PluginKind.CONVERTER),
        ("value.converter", PluginKind.CONVERTER),
        ("header.converter", PluginKind.HEADER_CONVERTER),
    ):
        try:
            plugins.resolve(getattr(worker, which.replace(".", "_")), kind, config_path=which)
        except ConfigError as error:
            instead = instead_of(str(getattr(worker, which.replace(".", "_"))))
            hint = (
                f"{instead[0].upper()}{instead[1:]}; or install a plugin that has the class; "
                "'connect plugin list' shows what is installed."
                if instead
                else f"Correct {which} of the worker's config, or install the plugin that has the class "
                "(pip install, or a folder in plugin.path); 'connect plugin list' shows what is installed."
            )
            raise ConfigError(
                f"{which} of the worker: {error.message}", code=error.code, hint=hint, config_path=which
            ) from None


def refusal(worker: WorkerConfig, cls: type[Plugin]) -> str | None:
    """Return why the worker does not allow connectors to use a class, None where it does."""
    permission = cls.allowed_by if issubclass(cls, Transform) else None
    if permission is None or getattr(worker, permission.replace(".", "_"), False) is True:
        return None
    return (
        f"the worker does not allow {cls.plugin_name()}; "
        f"its operator can, with {permission}=true in the worker's config"
    )


def _member(plugins: PluginHost, worker: WorkerConfig, raw: Mapping[str, Any], prefix: str, kind: PluginKind) -> Plugin:
    name = raw.get(f"{prefix}.type")
    if not name:
        raise _problem(f"{prefix}.type", "the class of the alias is missing")
    desc = placed(plugins.resolve(str(name).strip(), kind, config_path=f"{prefix}.type"), raw, plugins.processes)
    refused = refusal(worker, desc.cls)
    if refused:
        raise _problem(f"{prefix}.type", refused)
    plugin = _new(desc.cls)
    if isinstance(plugin, Transform):
        plugin.alias = prefix.partition(".")[2]
    return _configured(plugin, strip_prefix(raw, prefix + "."), prefix=prefix)


def _new(cls: type[P]) -> P:
    """Make an instance, under the plugin's name: a constructor is code of its own."""
    return within(cls.plugin_name(), "__init__", cls)


def _configured(plugin: P, raw: Mapping[str, Any], *, prefix: str = "") -> P:
    try:
        config = within(plugin.plugin_name(), "checking its config", plugin.config_class.parse, raw)
        within(plugin.plugin_name(), "configure", plugin.configure, config)
    except InvalidConfigError as error:
        if not prefix:
            raise
        raise invalid_config(
            [Problem(f"{prefix}.{p.key}", f"{prefix}: {p.message}") for p in error.problems]
        ) from error
    return plugin


def _problem(name: str, message: str) -> ConfigError:
    return invalid_config([Problem(name, f"Invalid configuration {name}: {message}")])
