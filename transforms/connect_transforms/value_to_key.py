"""ValueToKey: a key made of fields of the value."""

from __future__ import annotations

from connect.api import Batch, Config, DataError, Schema, Transform, key
from connect_transforms.columns import (
    NULLS_TO_DEFAULTS,
    PREFIX,
    VERSION,
    SchemaCache,
    require_map,
    require_present,
    require_struct,
    valid_list,
    with_defaults,
)

PURPOSE = "copying fields from value to key"


class ValueToKeyConfig(Config):
    """The fields."""

    fields_: list[str] = key("Field names on the record value to extract as the record key.", name="fields", importance="high", validators=[valid_list("fields")])  # fmt: skip
    replace_null_with_default: bool = key(NULLS_TO_DEFAULTS, default=True)


class ValueToKey(Transform):
    """Replace the key by an object of some of the value's fields."""

    class_name = PREFIX + "ValueToKey"
    version = VERSION
    config_class = ValueToKeyConfig
    config: ValueToKeyConfig

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._names = list(dict.fromkeys(self.config.fields_))
        self._schemas = SchemaCache(self._key_schema)

    def apply_batch(self, batch: Batch) -> Batch:
        names, schema = self._names, batch.value_schema
        if schema is None:
            if len(names) == 1 and set(map(type, batch.values)) == {dict}:
                (name,) = names
                return batch.replace(key_schema=None, keys=[{name: value.get(name)} for value in batch.values])
            keys = [{name: get(name) for name in names} for get in (require_map(v, PURPOSE).get for v in batch.values)]
            return batch.replace(key_schema=None, keys=keys)
        for value in batch.values:
            require_struct(schema, value, PURPOSE)
        made = self._schemas(schema)
        defaults = self.config.replace_null_with_default
        keys = [with_defaults(value, made, nulls_to_defaults=defaults) for value in batch.values]
        require_present([(f.name, f.schema) for f in made.fields], keys)
        return batch.replace(key_schema=made, keys=keys)

    def _key_schema(self, schema: Schema) -> Schema:
        fields = {}
        for name in self._names:
            field = schema.field(name)
            if field is None:
                raise DataError(f"Field does not exist: {name}")
            fields[name] = field.schema
        return Schema.struct(fields)
