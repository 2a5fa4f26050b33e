"""The config providers of a worker, and the one place where a config is resolved.

`config.providers` names them; each has a class and keys of its own (`config.providers.NAME.class`,
`config.providers.NAME.param.*`). An instance is called on a thread of its own, one call at a time, through the border:
what it raises names the provider, the reference and the config's key, and never a value. One that does not come back in
time is left behind with its thread, and the next call makes another instance; a provider with `HANGING_MAX` such
threads is not asked any more until one of them ends.

Source of keys and rules: Kafka 4.3.1, AbstractConfig, ConfigTransformer, WorkerConfigTransformer. Beyond it: what a
known provider does not have is an error, where Kafka leaves the reference in the config.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from connect.api import (
    ConfigData,
    ConfigError,
    ConfigProvider,
    ConnectError,
    EnvironmentFault,
    InvalidConfigError,
    PluginError,
    Problem,
    RetriableError,
    invalid_config,
)
from connect.api.contract import config_data_of
from connect.api.error_codes import register_code
from connect.runtime.border.calls import PluginTimeoutError, TaskThread, Watcher, within
from connect.runtime.config_prefixes import strip_prefix
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.providers.references import Reference, references_in
from connect.runtime.providers.resolved import Resolved, resolved_of
from connect.runtime.worker_config import WorkerConfig

UNRESOLVED = register_code(
    "config.unresolved",
    "A config refers to what a config provider does not have.",
    "Check the reference: its path, its key, and what the provider may read.",
)
logger = logging.getLogger(__name__)

#: Calls of one provider that did not come back.
HANGING_MAX: Final = 4
#: How long a provider may take to close.
CLOSE_S: Final = 0.5
#: Say who a connector is, and which other keys there are: their values are in paths, in names of keys and of groups,
#: which every answer shows. The topic of offsets is reserved by its name, before anything is resolved.
NO_REFERENCES: Final = (
    "name",
    "connector.class",
    "transforms",
    "predicates",
    "topic.creation.groups",
    "offsets.storage.topic",
)


@dataclass(frozen=True, slots=True)
class UnknownProvider:
    """A reference to a provider that the worker does not have. The text stays as it is, as in Kafka Connect."""

    key: str
    reference: str
    why: str


@dataclass(frozen=True, slots=True)
class Look:
    """What resolving a config came to, with everything that is wrong with its references."""

    resolved: Resolved
    problems: tuple[Problem, ...]
    unknown: tuple[UnknownProvider, ...]


class ConfigProviders:
    """The providers of one worker. For the event loop; `open` first.

    Args:
        watch: Looks after calls that take long.
    """

    def __init__(self, plugins: PluginHost, worker: WorkerConfig, watch: Watcher | None = None) -> None:
        self._plugins = plugins
        self._limit_s = worker.plugin_call_timeout_ms / 1000
        self._providers = {
            name: _Provider(name, desc, raw, watch, self._limit_s)
            for name, (desc, raw) in declared(plugins, worker.originals).items()
        }

    @property
    def names(self) -> list[str]:
        """The names by which configs refer to them."""
        return list(self._providers)

    async def open(self) -> None:
        """Make every provider, so that a wrong config of one ends the start.

        Raises:
            ConfigError: Names the key.
            PluginError: One fails, or hangs.
        """
        for provider in self._providers.values():
            await provider.open(self._limit_s)
        for name, instance in self.instances():
            _tell_misspelt(name, instance)

    async def aclose(self) -> None:
        """Close the providers; one that hangs is left behind."""
        await asyncio.gather(*(provider.aclose() for provider in self._providers.values()))

    def instances(self) -> list[tuple[str, ConfigProvider]]:
        """Return the providers that are made, by name."""
        return [(name, one.instance) for name, one in self._providers.items() if one.instance is not None]

    async def resolve(
        self, config: Mapping[str, str | None], *, limit_s: float | None = None, remember: bool = True
    ) -> Resolved:
        """Return a config with its values.

        Args:
            limit_s: How long all of it may take; the worker's `plugin.call.timeout.ms` when left out.
            remember: Take the values out of every message from now on; else the caller does what is needed.

        Raises:
            ConfigError: A path or key is not there, or not allowed.
            RetriableError: It may work later.
            PluginError: A provider failed, or did not come back in time.
        """
        look, errors = await self._look(config, limit_s, remember=remember)
        if errors:
            raise errors[0]
        if look.problems:
            raise invalid_config(look.problems)
        return look.resolved

    async def look(self, config: Mapping[str, str | None], *, limit_s: float | None = None) -> Look:
        """Resolve what can be resolved, and return what is wrong with the rest in place of raising it.

        Raises:
            PluginTimeoutError: A provider did not come back in time.
        """
        look, errors = await self._look(config, limit_s)
        for error in errors:
            if isinstance(error, PluginTimeoutError):
                raise error
        return look

    def unknown(self, config: Mapping[str, str | None]) -> tuple[UnknownProvider, ...]:
        """Return the references to providers that the worker does not have."""
        return tuple(
            UnknownProvider(key, reference.text, why_unknown(reference.provider, self._providers))
            for key, value in config.items()
            if value and "${" in value
            for reference in references_in(value)
            if reference.provider not in self._providers
        )

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _look(
        self, config: Mapping[str, str | None], limit_s: float | None, *, remember: bool = True
    ) -> tuple[Look, list[ConnectError]]:
        unknown, uses = self.unknown(config), self._uses(config)
        if not uses:
            return Look(resolved_of(config, {}), (), unknown), []
        refused = [(key, reference) for key, reference in uses if key in NO_REFERENCES]
        uses = [(key, reference) for key, reference in uses if key not in NO_REFERENCES]
        by = time.monotonic() + (self._limit_s if limit_s is None else limit_s)
        problems = [
            Problem(key, f"Invalid value {reference} for configuration {key}: it cannot be a reference")
            for key, reference in refused
        ]
        values: dict[str, str] = {}
        errors: list[ConnectError] = []
        ttls: list[int] = []
        for (name, path), wanted in _by_path(uses).items():
            keys = list(dict.fromkeys(reference.key for _, reference in wanted))
            try:
                data = await self._providers[name].get(path, keys, max(0.0, by - time.monotonic()))
            except ConnectError as error:
                errors += [_told(error, key, reference) for key, reference in wanted]
                continue
            ttls += [] if data.ttl_ms is None else [data.ttl_ms]
            for key, reference in wanted:
                if (value := data.values.get(reference.key)) is None:
                    errors.append(_missing(key, reference))
                else:
                    values[reference.text] = value
        problems += [Problem(error.config_path or "", error.message) for error in errors]
        resolved = resolved_of(config, values, min(ttls, default=None), as_they_are=NO_REFERENCES)
        if remember:
            resolved.remember(self._plugins)
        return Look(resolved, tuple(problems), unknown), errors

    def _uses(self, config: Mapping[str, str | None]) -> list[tuple[str, Reference]]:
        return [
            (key, reference)
            for key, value in config.items()
            if value and "${" in value
            for reference in references_in(value)
            if reference.provider in self._providers
        ]


def why_unknown(provider: str, known: Collection[str]) -> str:
    """Say that a worker whose providers are known by these names has not this one, and which is meant."""
    if not known:
        return f"the worker has no config provider {provider!r}, nor any other (config.providers)"
    near = difflib.get_close_matches(provider, known, n=1, cutoff=0.5)
    return f"the worker has no config provider {provider!r}; " + (
        f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
    )


def declared(plugins: PluginHost, texts: Mapping[str, Any]) -> dict[str, tuple[PluginDesc, dict[str, Any]]]:
    """Return the providers that a worker's config names, with the keys of each.

    Raises:
        ConfigError: A class is missing or unknown.
    """
    found = {}
    for name in provider_names(texts):
        prefix = f"config.providers.{name}."
        named = str(texts.get(f"{prefix}class") or "").strip()
        if not named:
            raise ConfigError(
                f"config provider {name!r} has no class: key {prefix}class is missing", config_path=f"{prefix}class"
            )
        desc = plugins.resolve(named, PluginKind.CONFIG_PROVIDER, config_path=f"{prefix}class")
        found[name] = (desc, strip_prefix(texts, f"{prefix}param."))
    return found


def _tell_misspelt(name: str, provider: ConfigProvider) -> None:
    """Warn of keys that nearly are declared ones: a limit that is misspelt lets everything be read.

    Others are no matter of ours: a provider may read keys that it does not declare.
    """
    known = provider.config_class.keys()
    prefix = f"config.providers.{name}.param."
    config = getattr(provider, "config", None)  # one that has its own `configure` may keep none
    for key in config.originals if config is not None else ():
        near = [] if key in known else difflib.get_close_matches(key, known, n=1, cutoff=0.8)
        if near:
            logger.warning(
                "%s is no key of config provider %r and may do nothing; did you mean %s?",
                prefix + key,
                name,
                prefix + near[0],
            )


def provider_names(texts: Mapping[str, Any]) -> list[str]:
    """Return the names in `config.providers`."""
    listed = (name.strip() for name in str(texts.get("config.providers") or "").split(","))
    return [name for name in dict.fromkeys(listed) if name]


class _Provider:
    """One provider: its instance, the thread of that, and those that hang. One call at a time."""

    def __init__(
        self, name: str, desc: PluginDesc, raw: Mapping[str, Any], watch: Watcher | None, deadline_s: float
    ) -> None:
        self.instance: ConfigProvider | None = None
        self._name = name
        self._desc = desc
        self._raw = raw
        self._watch = watch
        self._deadline_s = deadline_s
        self._thread: TaskThread | None = None
        self._hanging: list[TaskThread] = []
        self._turn = asyncio.Lock()

    async def open(self, limit_s: float) -> None:
        await self._bounded(limit_s, lambda: None)

    async def get(self, path: str, keys: list[str], limit_s: float) -> ConfigData:
        def get() -> ConfigData:
            assert self.instance is not None, "it was made on this thread"
            instance = self.instance
            return config_data_of(instance, within(self._desc.name, "get", instance.get, path, keys))

        return cast(ConfigData, await self._bounded(limit_s, get))

    async def aclose(self) -> None:
        thread, instance = self._thread, self.instance
        self._thread = self.instance = None
        if thread is None:
            return
        if instance is None or thread.is_busy:  # it does not come back to hear of it
            thread.close()
            return
        try:
            await thread.bounded(CLOSE_S, instance.close)
        except ConnectError as error:
            logger.error("config provider %s failed to close: %s", self._name, error.message)
        finally:
            thread.close()

    async def _bounded(self, limit_s: float, function: Any) -> Any:
        by = time.monotonic() + limit_s
        try:
            async with asyncio.timeout(limit_s):
                await self._turn.acquire()
        except TimeoutError:
            raise PluginTimeoutError(f"config provider {self._name!r} was not free within {limit_s:g} s") from None
        try:
            thread = self._thread_of()
            try:
                await thread.bounded(max(0.001, by - time.monotonic()), self._made)
                return await thread.bounded(max(0.001, by - time.monotonic()), function)
            except PluginTimeoutError:
                self._leave_behind()
                raise PluginTimeoutError(
                    f"config provider {self._name!r} ({self._desc.name}) did not answer within {limit_s:.3g} s"
                ) from None
        finally:
            self._turn.release()

    def _thread_of(self) -> TaskThread:
        if self._thread is None:
            self._hanging = [thread for thread in self._hanging if thread.is_busy]
            if len(self._hanging) >= HANGING_MAX:
                raise PluginTimeoutError(
                    f"config provider {self._name!r} ({self._desc.name}) is not asked: "
                    f"{len(self._hanging)} calls of it have not come back"
                )
            self._thread = TaskThread(
                f"connect-provider-{self._name}",
                who=f"config provider {self._name}",
                plugin=self._desc.name,
                watch=self._watch,
                deadline_s=self._deadline_s,
            )
        return self._thread

    def _leave_behind(self) -> None:
        if self._thread is not None:
            self._thread.close()
            self._hanging.append(self._thread)
            self._thread = self.instance = None

    def _made(self) -> None:
        """Make and configure the instance, if there is none. On the thread: all of it is plugin code."""
        if self.instance is not None:
            return
        prefix = f"config.providers.{self._name}.param"
        made = within(self._desc.name, "__init__", cast(type[ConfigProvider], self._desc.cls))
        try:
            config = within(self._desc.name, "checking its config", made.config_class.parse, self._raw)
            within(self._desc.name, "configure", made.configure, config)
        except InvalidConfigError as error:
            raise invalid_config(
                [Problem(f"{prefix}.{p.key}", f"{prefix}.{p.key}: {p.message}") for p in error.problems]
            ) from error
        self.instance = made


# -- what is said ----------------------------------------------------------------------------------------------------


def _by_path(uses: list[tuple[str, Reference]]) -> dict[tuple[str, str], list[tuple[str, Reference]]]:
    found: dict[tuple[str, str], list[tuple[str, Reference]]] = {}
    for key, reference in uses:
        found.setdefault((reference.provider, reference.path), []).append((key, reference))
    return found


def _missing(key: str, reference: Reference) -> ConfigError:
    where = f" at {reference.path!r}" if reference.path else ""
    return ConfigError(
        f"Invalid value {reference} for configuration {key}: "
        f"config provider {reference.provider!r} has no key {reference.key!r}{where}",
        code=UNRESOLVED,
        config_path=key,
    )


def _told(error: ConnectError, key: str, reference: Reference) -> ConnectError:
    """Return a provider's error as one about a key of the config."""
    message = (
        f"Invalid value {reference} for configuration {key}: config provider {reference.provider!r}: {error.message}"
    )
    told: ConnectError
    if isinstance(error, RetriableError):
        told = RetriableError(message, retry_after_ms=error.retry_after_ms, code=error.code)
    else:
        kinds = (ConfigError, EnvironmentFault, PluginTimeoutError)
        told = next((kind for kind in kinds if isinstance(error, kind)), PluginError)(message, code=error.code)
    told.hint, told.config_path = error.hint, key
    told.__cause__ = error
    return told
