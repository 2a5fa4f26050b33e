"""PUBLIC. All that a plugin author imports: records, batches, schemas, bases, config, errors, hooks.

Beside it four modules are public: `connect.api.columns`, `connect.api.java`, `connect.api.logical` and
`connect.api.values`. What any of the five does not list in `__all__` is the host's own, and may change with any
release.

Imports the standard library, pydantic, pluggy and typing_extensions, regex once there is a pattern and jsonschema once
there is a JSON Schema; nothing else of ours.
"""

from typing import TYPE_CHECKING, Any

from connect.api.config import (
    Config,
    ConfigKey,
    ConfigValue,
    config_key,
)
from connect.api.config_provider import ConfigData, ConfigProvider
from connect.api.config_values import (
    HIDDEN,
    ConfigType,
    InvalidConfigError,
    Problem,
    Secret,
    invalid_config,
    invalid_value,
)
from connect.api.connector import (
    Batches,
    CommittedRecord,
    Connector,
    ConnectorContext,
    ExactlyOnceSupport,
    RecordMetadata,
    Records,
    Signal,
    SinkConnector,
    SinkTask,
    SinkTaskContext,
    SourceConnector,
    SourceTask,
    SourceTaskContext,
    Task,
    TaskContext,
    TransactionContext,
)
from connect.api.convert import Column, Converter, Encoded, HeaderConverter
from connect.api.error_codes import register_code
from connect.api.errors import (
    ConfigError,
    ConflictError,
    ConnectError,
    DataError,
    EnvironmentFault,
    FailedRecord,
    InvalidRecordError,
    LogError,
    NotFoundError,
    PluginError,
    RecordTooLargeError,
    RetriableError,
    SchemaError,
    SchemaProjectorError,
    UnknownTopicOrPartitionError,
)
from connect.api.files import open_path, read_file
from connect.api.functions import resume, sink, source, transform
from connect.api.headers import Header, Headers
from connect.api.hooks import hookimpl
from connect.api.json_schemas import json_schema_validator
from connect.api.patterns import LOOP_LIMIT_S, Match, Pattern, SlowPatternError, compile_pattern, valid_pattern
from connect.api.pem import whole_pem
from connect.api.plugin import ConfigT, Plugin
from connect.api.previews import Preview, PreviewItem
from connect.api.record import Batch, Record
from connect.api.schema import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    OPTIONAL_BOOLEAN,
    OPTIONAL_BYTES,
    OPTIONAL_FLOAT32,
    OPTIONAL_FLOAT64,
    OPTIONAL_INT8,
    OPTIONAL_INT16,
    OPTIONAL_INT32,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    STRING,
    Field,
    Schema,
)
from connect.api.schema_builder import SchemaBuilder
from connect.api.schema_projector import project_value
from connect.api.schema_type import DATE_NAME, DECIMAL_NAME, INT_BITS, TIME_NAME, TIMESTAMP_NAME, SchemaType
from connect.api.struct_column import Repeated, StructColumn
from connect.api.structs import Struct
from connect.api.target_offsets import new_records
from connect.api.transforms import Predicate, Transform
from connect.api.version import VERSION

__all__ = [
    "BOOLEAN",
    "BYTES",
    "DATE_NAME",
    "DECIMAL_NAME",
    "FLOAT32",
    "FLOAT64",
    "HIDDEN",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "INT_BITS",
    "LOOP_LIMIT_S",
    "OPTIONAL_BOOLEAN",
    "OPTIONAL_BYTES",
    "OPTIONAL_FLOAT32",
    "OPTIONAL_FLOAT64",
    "OPTIONAL_INT8",
    "OPTIONAL_INT16",
    "OPTIONAL_INT32",
    "OPTIONAL_INT64",
    "OPTIONAL_STRING",
    "STRING",
    "TIMESTAMP_NAME",
    "TIME_NAME",
    "VERSION",
    "Batch",
    "Batches",
    "Column",
    "CommittedRecord",
    "Config",
    "ConfigData",
    "ConfigError",
    "ConfigKey",
    "ConfigProvider",
    "ConfigT",
    "ConfigType",
    "ConfigValue",
    "ConflictError",
    "ConnectError",
    "Connector",
    "ConnectorContext",
    "Converter",
    "DataError",
    "Encoded",
    "EnvironmentFault",
    "ExactlyOnceSupport",
    "FailedRecord",
    "Field",
    "Header",
    "HeaderConverter",
    "Headers",
    "InvalidConfigError",
    "InvalidRecordError",
    "LogError",
    "Match",
    "NotFoundError",
    "Pattern",
    "Plugin",
    "PluginError",
    "Predicate",
    "Preview",
    "PreviewItem",
    "Problem",
    "Record",
    "RecordMetadata",
    "RecordTooLargeError",
    "Records",
    "Repeated",
    "RetriableError",
    "Schema",
    "SchemaBuilder",
    "SchemaError",
    "SchemaProjectorError",
    "SchemaType",
    "Secret",
    "Signal",
    "SinkConnector",
    "SinkTask",
    "SinkTaskContext",
    "SlowPatternError",
    "SourceConnector",
    "SourceTask",
    "SourceTaskContext",
    "Struct",
    "StructColumn",
    "Task",
    "TaskContext",
    "TransactionContext",
    "Transform",
    "UnknownTopicOrPartitionError",
    "compile_pattern",
    "config_key",
    "hookimpl",
    "invalid_config",
    "invalid_value",
    "json_schema_validator",
    "new_records",
    "open_path",
    "project_value",
    "read_file",
    "register_code",
    "resume",
    "sink",
    "source",
    "transform",
    "valid_pattern",
    "whole_pem",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not in the list, old names too

    def __getattr__(name: str) -> Any:
        from connect.api.deprecated import old_name

        return old_name(name)
