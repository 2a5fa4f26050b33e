"""Kafka Connect's single-message transforms and predicates, one module each."""

from connect.api import Predicate, Transform, hookimpl
from connect_transforms.cast import CastKey, CastValue
from connect_transforms.extract_field import ExtractFieldKey, ExtractFieldValue
from connect_transforms.filter import Filter
from connect_transforms.flatten import FlattenKey, FlattenValue
from connect_transforms.header_from import HeaderFromKey, HeaderFromValue
from connect_transforms.headers import DropHeaders, InsertHeader
from connect_transforms.hoist_field import HoistFieldKey, HoistFieldValue
from connect_transforms.insert_field import InsertFieldKey, InsertFieldValue
from connect_transforms.mask_field import MaskFieldKey, MaskFieldValue
from connect_transforms.predicates import HasHeaderKey, RecordIsTombstone, TopicNameMatches
from connect_transforms.regex_router import RegexRouter
from connect_transforms.replace_field import ReplaceFieldKey, ReplaceFieldValue
from connect_transforms.set_schema_metadata import SetSchemaMetadataKey, SetSchemaMetadataValue
from connect_transforms.timestamp_converter import TimestampConverterKey, TimestampConverterValue
from connect_transforms.timestamp_router import TimestampRouter
from connect_transforms.value_to_key import ValueToKey


@hookimpl
def connect_transforms() -> list[type[Transform]]:
    return [
        CastKey, CastValue, DropHeaders, ExtractFieldKey, ExtractFieldValue, Filter, FlattenKey, FlattenValue,
        HeaderFromKey, HeaderFromValue, HoistFieldKey, HoistFieldValue, InsertFieldKey, InsertFieldValue, InsertHeader,
        MaskFieldKey, MaskFieldValue, RegexRouter, ReplaceFieldKey, ReplaceFieldValue, SetSchemaMetadataKey,
        SetSchemaMetadataValue, TimestampConverterKey, TimestampConverterValue, TimestampRouter, ValueToKey,
    ]  # fmt: skip


@hookimpl
def connect_predicates() -> list[type[Predicate]]:
    return [HasHeaderKey, RecordIsTombstone, TopicNameMatches]
