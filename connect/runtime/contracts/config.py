"""The keys of a connector's schema contract, and what is wrong between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from connect.api import Config, ConfigValue, Plugin, config_key
from connect.runtime.contracts.changes import Kind

CONTRACT, COMPATIBILITY = "schema.contract", "schema.compatibility"
_GROUP: Final = "Schema Contract"
#: What becomes of a record, or of a field, that does not fit.
Mode = Literal["evolve", "freeze", "discard.value", "discard.record"]
MODES: Final = ("evolve", "freeze", "discard.value", "discard.record")
LEVELS: Final = ("NONE", "BACKWARD", "FORWARD", "FULL")
#: The key of each kind of change.
KEYS: Final[Mapping[Kind, str]] = {
    "field": f"{CONTRACT}.fields",
    "type": f"{CONTRACT}.types",
    "widening": f"{CONTRACT}.widening",
}
TOPICS: Final = f"{CONTRACT}.topics"


class ContractConfig(Config):
    """What the values of a connector's records may look like."""

    schema_contract: str = config_key(
        "What becomes of a value with a field that is not known of its topic, or of another type: 'evolve' lets it "
        "pass, 'freeze' fails the record, 'discard.value' leaves the field out, 'discard.record' the record.",
        default="evolve",
        one_of=MODES,
        group=_GROUP,
        order=1,
        display_name="Schema Contract",
    )
    schema_contract_fields: str | None = config_key(
        "The same for new fields alone; as schema.contract when left out.",
        default=None,
        one_of=MODES,
        group=_GROUP,
        order=2,
        display_name="Contract of New Fields",
    )
    schema_contract_types: str | None = config_key(
        "The same for fields of another type alone; as schema.contract when left out.",
        default=None,
        one_of=MODES,
        group=_GROUP,
        order=3,
        display_name="Contract of Changed Types",
    )
    schema_contract_widening: str = config_key(
        "The same for fields whose type takes more than before: int32 to int64, float32 to float64, required to "
        "optional.",
        default="evolve",
        one_of=MODES,
        group=_GROUP,
        order=4,
        display_name="Contract of Widenings",
    )
    schema_contract_topics: str = config_key(
        "The same for the first record of a topic of which nothing is known: 'evolve' learns from it.",
        default="evolve",
        one_of=("evolve", "freeze", "discard.record"),
        group=_GROUP,
        order=5,
        display_name="Contract of New Topics",
    )
    schema_compatibility: str = config_key(
        "How the schemas of a topic must get on. Of a source each new one with the one before: BACKWARD reads what "
        "came before, FORWARD is read by it, FULL is both. Of a sink values are projected onto the newest schema, with "
        "FORWARD onto the oldest; these need a version.",
        default="NONE",
        one_of=LEVELS,
        ignore_case=True,
        group=_GROUP,
        order=6,
        display_name="Schema Compatibility",
    )

    def mode(self, kind: Kind) -> Mode:
        """Return what becomes of a change of a kind."""
        own = getattr(self, KEYS[kind].replace(".", "_"))
        return cast(Mode, own or self.schema_contract)

    @property
    def level(self) -> str:
        """The level of `schema.compatibility`, in capitals."""
        return self.schema_compatibility.upper()

    @property
    def is_held(self) -> bool:
        """Whether anything is held: else records are not looked at."""
        kinds: tuple[Kind, ...] = ("field", "type", "widening")
        modes = (self.schema_contract_topics, *map(self.mode, kinds))
        return self.level != "NONE" or any(mode != "evolve" for mode in modes)


def contract_config(connector: type[Plugin], config: Mapping[str, Any]) -> ContractConfig:
    """Return the contract of a connector's config, without the keys that the connector declares itself."""
    own = connector.config_class.keys()
    return ContractConfig.parse({key: value for key, value in config.items() if key not in own})


def check(values: Mapping[str, ConfigValue]) -> None:
    """Add to the value of `schema.compatibility` why it cannot be beside a contract."""
    level = values.get(COMPATIBILITY)
    if level is None or level.errors or str(level.value or "NONE").upper() == "NONE":
        return
    for key in (CONTRACT, *KEYS.values(), TOPICS):
        given = values.get(key)
        if given is not None and not given.errors and (given.value or "evolve") != "evolve":
            level.errors.append(
                f"Invalid value {level.value} for configuration {COMPATIBILITY}: {key} is {given.value}; both say what "
                "schemas are allowed, so set one of them"
            )
            return


def settings_of(config: ContractConfig) -> dict[str, Any]:
    """Return what is in force, by key, for people."""
    kinds: tuple[Kind, ...] = ("field", "type", "widening")
    modes = {KEYS[kind]: config.mode(kind) for kind in kinds}
    return {**modes, TOPICS: config.schema_contract_topics, COMPATIBILITY: config.level}
