"""Kafka Connect's single-message transforms and predicates, one module each.

A module at the top is a transform (its Key and Value class), but for `predicates`. What several share is in
a room: `fields` (columns and paths into them), `java` (its casts and dates), `json_path`. Those of Debezium's change
events have a room of their own, `debezium`.

Elsewhere: running them in a chain, with their predicates (`connect.runtime.tasks.pipeline`).
"""

from connect.api import Predicate, Transform, hookimpl
from connect_transforms.cast import CastKey, CastValue
from connect_transforms.debezium.by_logical_table_router import ByLogicalTableRouter
from connect_transforms.debezium.event_router import EventRouter
from connect_transforms.debezium.extract_changed_record_state import ExtractChangedRecordState
from connect_transforms.debezium.extract_new_record_state import ExtractNewRecordState
from connect_transforms.debezium.header_to_value import HeaderToValue
from connect_transforms.debezium.partition_routing import PartitionRouting
from connect_transforms.debezium.schema_change_event_filter import SchemaChangeEventFilter
from connect_transforms.drop import DropKey, DropValue
from connect_transforms.extract_field import ExtractFieldKey, ExtractFieldValue
from connect_transforms.extract_topic import ExtractTopicHeader, ExtractTopicKey, ExtractTopicValue
from connect_transforms.filter import Filter
from connect_transforms.filter_by_path import FilterByPathKey, FilterByPathValue
from connect_transforms.flatten import FlattenKey, FlattenValue
from connect_transforms.gzip_decompress import GzipDecompressKey, GzipDecompressValue
from connect_transforms.header_from import HeaderFromKey, HeaderFromValue
from connect_transforms.headers import DropHeaders, InsertHeader
from connect_transforms.hoist_field import HoistFieldKey, HoistFieldValue
from connect_transforms.insert_field import InsertFieldKey, InsertFieldValue
from connect_transforms.mask_field import MaskFieldKey, MaskFieldValue
from connect_transforms.message_timestamp_router import MessageTimestampRouter
from connect_transforms.predicates import HasHeaderKey, RecordIsTombstone, TopicNameMatches
from connect_transforms.python_transform import Python
from connect_transforms.regex_router import RegexRouter
from connect_transforms.replace_field import ReplaceFieldKey, ReplaceFieldValue
from connect_transforms.set_schema_metadata import SetSchemaMetadataKey, SetSchemaMetadataValue
from connect_transforms.timestamp_converter import TimestampConverterKey, TimestampConverterValue
from connect_transforms.timestamp_router import TimestampRouter
from connect_transforms.timezone_converter import TimezoneConverter
from connect_transforms.tombstone_handler import TombstoneHandler
from connect_transforms.validate_json_schema import ValidateJsonSchemaKey, ValidateJsonSchemaValue
from connect_transforms.value_to_key import ValueToKey

#: Kafka's, and behind them those that users add to every installation.
KAFKA: list[type[Transform]] = [
    CastKey, CastValue, DropHeaders, ExtractFieldKey, ExtractFieldValue, Filter, FlattenKey, FlattenValue,
    HeaderFromKey, HeaderFromValue, HoistFieldKey, HoistFieldValue, InsertFieldKey, InsertFieldValue, InsertHeader,
    MaskFieldKey, MaskFieldValue, RegexRouter, ReplaceFieldKey, ReplaceFieldValue, SetSchemaMetadataKey,
    SetSchemaMetadataValue, TimestampConverterKey, TimestampConverterValue, TimestampRouter, ValueToKey,
]  # fmt: skip
BEYOND: list[type[Transform]] = [
    ByLogicalTableRouter,
    DropKey,
    DropValue,
    EventRouter,
    ExtractChangedRecordState,
    ExtractNewRecordState,
    ExtractTopicHeader,
    ExtractTopicKey,
    ExtractTopicValue,
    FilterByPathKey,
    FilterByPathValue,
    GzipDecompressKey,
    GzipDecompressValue,
    HeaderToValue,
    MessageTimestampRouter,
    PartitionRouting,
    Python,
    SchemaChangeEventFilter,
    TimezoneConverter,
    TombstoneHandler,
    ValidateJsonSchemaKey,
    ValidateJsonSchemaValue,
]


@hookimpl
def connect_transforms() -> list[type[Transform]]:
    return KAFKA + BEYOND


@hookimpl
def connect_predicates() -> list[type[Predicate]]:
    return [HasHeaderKey, RecordIsTombstone, TopicNameMatches]
