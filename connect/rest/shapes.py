"""The shapes of REST's bodies and answers, with an example of each, for the OpenAPI document.

`SCHEMAS` are written in shorthand: a text is a JSON type (`string`, `integer`, `number`, `boolean`, `any`, or the name
of a shape; `|null` where it may be null), `[x]` an array of x, `{"*": x}` an object of any keys, and a member whose
name ends with `?` may be missing. Answers of a later Kafka Connect may have more members, so unknown ones are never
excluded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_TYPES: Final = ("string", "integer", "number", "boolean")


def ref(name: str | list[Any]) -> dict[str, Any]:
    """Return the schema of a shape, or an array of it."""
    return _schema(name)


def _schema(told: Any) -> dict[str, Any]:
    if isinstance(told, list):
        return {"type": "array", "items": _schema(told[0])}
    if isinstance(told, dict):
        if "*" in told:
            return {"type": "object", "additionalProperties": _schema(told["*"])}
        properties = {name.removesuffix("?"): _schema(value) for name, value in told.items()}
        required = [name for name in told if not name.endswith("?")]
        return {"type": "object", "properties": properties, "required": required}
    name, _, null = told.partition("|")
    if name == "any":
        return {}
    one = {"type": name} if name in _TYPES else {"$ref": f"#/components/schemas/{name}"}
    return {"anyOf": [one, {"type": "null"}]} if null else one


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter."""

    name: str
    about: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    example: Any = None

    def rendered(self) -> dict[str, Any]:
        """Return it as OpenAPI has it."""
        one = {
            "name": self.name,
            "in": "query",
            "required": False,
            "description": self.about,
            "schema": dict(self.schema),
        }
        return {**one, "example": self.example} if self.example is not None else one


@dataclass(frozen=True, slots=True)
class Operation:
    """What a route takes and answers. `also` are further answers without failure, by status."""

    answer: str | list[Any] | None = None
    example: Any = None
    body: str | None = None
    body_example: Any = None
    query: tuple[Query, ...] = ()
    status: int | None = None
    also: Mapping[int, str] = field(default_factory=dict)


_BOOLEAN: Final = {"type": "boolean"}
PATH_EXAMPLES: Final[dict[str, Any]] = {
    "name": "orders-source",
    "task": "0",
    "plugin": "FileStreamSource",
    "topic": "orders",
    "partition": 0,
    "group": "connect-orders-sink",
    "logger": "root",
}

_SHORTHAND: Final[dict[str, Any]] = {
    "Error": {"error_code": "integer", "message": "string|null"},
    "ServerInfo": {"version": "string", "commit": "string", "kafka_cluster_id": "string"},
    "Health": {"status": "string", "message": "string"},
    "Config": {"*": "string"},
    "TaskId": {"connector": "string", "task": "integer"},
    "ConnectorInfo": {"name": "string", "config": "Config", "tasks": ["TaskId"], "type": "string"},
    "ConnectorState": {"state": "string", "worker_id": "string", "version": "string|null", "trace?": "string"},
    "TaskState": {
        "id": "integer",
        "state": "string",
        "worker_id": "string",
        "version": "string|null",
        "trace?": "string",
    },
    "ConnectorStateInfo": {"name": "string", "connector": "ConnectorState", "tasks": ["TaskState"], "type": "string"},
    "TaskInfo": {"id": "TaskId", "config": "Config"},
    "ConnectorOffset": {"partition": {"*": "any"}, "offset": "any"},
    "ConnectorOffsets": {"offsets": ["ConnectorOffset"]},
    "Message": {"message": "string"},
    "ActiveTopics": {"*": {"topics": ["string"]}},
    "PluginInfo": {"class": "string", "type": "string", "version?": "string|null"},
    "ConfigKeyInfo": {
        "name": "string",
        "type": "string",
        "required": "boolean",
        "default_value": "string|null",
        "importance": "string",
        "documentation": "string",
        "group": "string|null",
        "order_in_group": "integer",
        "width": "string",
        "display_name": "string",
        "dependents": ["string"],
    },
    "ConfigValueInfo": {
        "name": "string",
        "value": "string|null",
        "recommended_values": ["string"],
        "errors": ["string"],
        "visible": "boolean",
    },
    "ConfigInfo": {"definition": "ConfigKeyInfo|null", "value": "ConfigValueInfo"},
    "ConfigInfos": {"name": "string", "error_count": "integer", "groups": ["string"], "configs": ["ConfigInfo"]},
    "Advice": {"key": "string", "code": "string", "message": "string"},
    "AdvisedInfos": {
        "name": "string",
        "error_count": "integer",
        "groups": ["string"],
        "configs": ["ConfigInfo"],
        "warnings": ["Advice"],
        "checked": "boolean",
    },
    "LoggerLevel": {"level": "string", "last_modified": "integer|null"},
    "WorkerInfo": {
        "worker_id": "string",
        "version": "string",
        "kafka_version": "string",
        "kafka_cluster_id": "string",
        "python": "string",
        "platform": "string",
        "memory_bytes": "integer|null",
        "listeners": ["string"],
        "authentication": "boolean",
        "plugins": "integer",
        "connectors": {"*": "integer"},
        "tasks": {"*": "integer"},
    },
    "TaskLag": {"task": "integer", "state": "string", "lag": "integer"},
    "Lag": {
        "connectors": [
            {
                "connector": "string",
                "state": "string",
                "group": "string",
                "lag": "integer",
                "tasks": ["TaskLag"],
                "missing_topics": ["string"],
                "unknown_topics": ["string"],
            }
        ]
    },
    "PartitionLag": {
        "topic": "string",
        "partition": "integer",
        "committed_offset": "integer|null",
        "log_start_offset": "integer",
        "last_stable_offset": "integer",
        "log_end_offset": "integer",
        "lag": "integer",
        "task": "integer|null",
    },
    "ConnectorLag": {
        "connector": "string",
        "state": "string",
        "group": "string",
        "lag": "integer",
        "tasks": ["TaskLag"],
        "missing_topics": ["string"],
        "unknown_topics": ["string"],
        "partitions": ["PartitionLag"],
    },
    "TaskThroughput": {
        "connector": "string",
        "task": "integer",
        "state": "string",
        "records": "integer",
        "records_per_second": "number",
        "bytes_per_second": "number",
    },
    "Throughput": {
        "window_ms": "integer",
        "records_per_second": "number",
        "bytes_per_second": "number",
        "tasks": ["TaskThroughput"],
    },
    "Warnings": {"warnings": [{"code": "string", "subject": "string", "message": "string"}]},
    "TaskProgress": {
        "connector": "string",
        "task": "integer",
        "state": "string",
        "records": "integer",
        "lag": "integer|null",
    },
    "Worker": {
        "worker_id": "string",
        "version": "string",
        "kafka_version": "string",
        "pid": "integer",
        "data_dir": "string",
        "uptime_ms": "integer",
        "tasks": ["TaskProgress"],
    },
    "Partition": {"partition": "integer", "log_start_offset": "integer", "log_end_offset": "integer"},
    "Topic": {
        "name": "string",
        "topic_id": "string",
        "internal": "boolean",
        "configs": {"*": "string"},
        "partitions": ["Partition"],
    },
    "Topics": {"topics": ["Topic"]},
    "Record": {
        "offset": "integer",
        "timestamp": "integer",
        "key": "string|null",
        "value": "string|null",
        "headers": [["string|null"]],
    },
    "Records": {
        "records": ["Record"],
        "next_offset": "integer",
        "log_start_offset": "integer",
        "log_end_offset": "integer",
        "last_stable_offset": "integer",
    },
    "Appended": {"appended": "integer"},
    "Offset": {"offset": "integer|null"},
    "TopicConfigs": {
        "configs": [{"name": "string", "value": "string", "source": "string", "doc": "string", "is_ignored": "boolean"}]
    },
    "LogStart": {"log_start_offset": "integer"},
    "Groups": {"groups": ["string"]},
    "GroupOffset": {
        "topic": "string",
        "partition": "integer",
        "offset": "integer",
        "metadata?": "string",
        "commit_timestamp?": "integer",
        "log_end_offset?": "integer|null",
        "lag?": "integer|null",
    },
    "GroupOffsets": {"offsets": ["GroupOffset"]},
    "GroupRow": {
        "topic": "string",
        "partition": "integer",
        "offset": "integer|null",
        "metadata": "string",
        "commit_timestamp": "integer",
        "log_end_offset": "integer|null",
        "lag": "integer|null",
    },
    "Group": {"name": "string", "state": "string", "members": ["string"], "offsets": ["GroupRow"]},
}
SCHEMAS: Final[dict[str, Any]] = {
    **{name: _schema(told) for name, told in _SHORTHAND.items()},
    # Values that are numbers or booleans become text; in a patch null removes a key.
    "ConfigRequest": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
    "ConfigPatch": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
    "CreateConnector": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "config": {"$ref": "#/components/schemas/ConfigRequest"},
            "initial_state": {"type": ["string", "null"], "enum": ["RUNNING", "PAUSED", "STOPPED", None]},
        },
        "required": ["name", "config"],
        "additionalProperties": False,
    },
    "SetLevel": {
        "type": "object",
        "properties": {
            "level": {"type": "string", "enum": ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"]}
        },
        "required": ["level"],
    },
    "CreateTopic": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": "^[a-zA-Z0-9._-]{1,249}$"},
            "partitions": {"type": "integer", "minimum": 1, "maximum": 4},
            "configs": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["name"],
    },
    "AlterTopic": {
        "type": "object",
        "properties": {
            "configs": {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            "partitions": {"type": "integer", "minimum": 1, "maximum": 8},
        },
        "additionalProperties": False,
    },
    "GroupPartitions": {
        "type": "object",
        "properties": {"partitions": {"type": "array", "items": {"type": "array"}}},
        "required": ["partitions"],
    },
    "AppendRecords": {
        "type": "object",
        "properties": {
            "records": {"type": "array", "items": {"type": "object"}},
            "acks": {"type": "string", "enum": ["none", "written", "durable"]},
            "configs": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["records"],
    },
}

# -- examples ------------------------------------------------------------------------------------------------------

_NAME: Final = "orders-source"
_CONFIG: Final = {
    "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
    "tasks.max": "1",
    "file": "/var/lib/orders/orders.jsonl",
    "topic": "orders",
    "value.converter": "org.apache.kafka.connect.storage.StringConverter",
}
_WORKER: Final = "127.0.0.1:8083"
_STATE: Final = {"state": "RUNNING", "worker_id": _WORKER, "version": "4.3.1"}
_TASK_STATE: Final = {"id": 0, **_STATE}
_STATUS: Final = {"name": _NAME, "connector": _STATE, "tasks": [_TASK_STATE], "type": "source"}
_INFO: Final = {
    "name": _NAME,
    "config": {**_CONFIG, "name": _NAME},
    "tasks": [{"connector": _NAME, "task": 0}],
    "type": "source",
}
_KEY: Final = {
    "name": "topic",
    "type": "STRING",
    "required": True,
    "default_value": None,
    "importance": "HIGH",
    "documentation": "Topic to append to.",
    "group": None,
    "order_in_group": -1,
    "width": "NONE",
    "display_name": "topic",
    "dependents": [],
}
_VALUE: Final = {"name": "topic", "value": "orders", "recommended_values": [], "errors": [], "visible": True}
_INFOS: Final = {
    "name": _CONFIG["connector.class"],
    "error_count": 0,
    "groups": ["Common"],
    "configs": [{"definition": _KEY, "value": _VALUE}],
}
_OFFSETS: Final = {
    "offsets": [{"partition": {"filename": "/var/lib/orders/orders.jsonl"}, "offset": {"position": 1024}}]
}
_TOPIC: Final = {
    "name": "orders",
    "topic_id": "u1ZkTQxZQ9qTfVXbVYzNlg",
    "internal": False,
    "configs": {},
    "partitions": [{"partition": 0, "log_start_offset": 0, "log_end_offset": 42}],
}
_LAG = {
    "connector": "orders-sink",
    "state": "RUNNING",
    "group": "connect-orders-sink",
    "lag": 7,
    "tasks": [{"task": 0, "state": "RUNNING", "lag": 7}],
    "missing_topics": [],
    "unknown_topics": [],
}
_GROUP_OFFSET: Final = {
    "topic": "orders",
    "partition": 0,
    "offset": 35,
    "metadata": "",
    "commit_timestamp": 1763700000000,
    "log_end_offset": 42,
    "lag": 7,
}
_RATE: Final = {"records_per_second": 51234.5, "bytes_per_second": 9876543.0}
ERROR: Final = {
    "error_code": 404,
    "message": "Connector orders-source not found (List the connectors with 'connect connector list'.)",
}

OPERATIONS: Final[dict[str, Operation]] = {
    "GET /": Operation(
        "ServerInfo", {"version": "4.3.1", "commit": "connect-0.1.0", "kafka_cluster_id": "Vz3bTq0GRZm5Xb2V1Yw9pA"}
    ),
    "GET /health": Operation(
        "Health",
        {"status": "healthy", "message": "Worker has completed startup and is ready to handle requests."},
        also={500: "The worker is unhealthy; the same body.", 503: "The worker is starting; the same body."},
    ),
    "GET /connectors": Operation(
        "any",
        [_NAME],
        query=(
            Query(
                "expand",
                "status, info, or both by repeating it: an object by name in place of the names.",
                {"type": "array", "items": {"type": "string", "enum": ["status", "info"]}},
            ),
        ),
    ),
    "POST /connectors": Operation(
        "ConnectorInfo", _INFO, "CreateConnector", {"name": _NAME, "config": _CONFIG, "initial_state": "RUNNING"}
    ),
    "GET /connectors/{name}": Operation("ConnectorInfo", _INFO),
    "DELETE /connectors/{name}": Operation(),
    "GET /connectors/{name}/config": Operation("Config", {**_CONFIG, "name": _NAME}),
    "PUT /connectors/{name}/config": Operation(
        "ConnectorInfo", _INFO, "ConfigRequest", _CONFIG, also={201: "It was created; the same body."}
    ),
    "PATCH /connectors/{name}/config": Operation(
        "ConnectorInfo", _INFO, "ConfigPatch", {"topic": "orders", "batch.size": None}
    ),
    "GET /connectors/{name}/status": Operation("ConnectorStateInfo", _STATUS),
    "GET /connectors/{name}/tasks": Operation(
        ["TaskInfo"], [{"id": {"connector": _NAME, "task": 0}, "config": _CONFIG}]
    ),
    "GET /connectors/{name}/tasks/{task}/status": Operation("TaskState", _TASK_STATE),
    "POST /connectors/{name}/tasks/{task}/restart": Operation(),
    "POST /connectors/{name}/restart": Operation(
        "ConnectorStateInfo",
        {**_STATUS, "connector": {**_STATE, "state": "RESTARTING"}},
        status=202,
        query=(
            Query("includeTasks", "Its tasks too.", _BOOLEAN),
            Query("onlyFailed", "Only what has failed.", _BOOLEAN),
        ),
        also={204: "Neither parameter is true: the connector's instance is restarted."},
    ),
    "PUT /connectors/{name}/pause": Operation(),
    "PUT /connectors/{name}/resume": Operation(),
    "PUT /connectors/{name}/stop": Operation(),
    "GET /connectors/{name}/offsets": Operation("ConnectorOffsets", _OFFSETS),
    "PATCH /connectors/{name}/offsets": Operation(
        "Message",
        {"message": "The offsets for this connector have been altered successfully"},
        "ConnectorOffsets",
        _OFFSETS,
    ),
    "DELETE /connectors/{name}/offsets": Operation(
        "Message", {"message": "The offsets for this connector have been reset successfully"}
    ),
    "GET /connectors/{name}/topics": Operation("ActiveTopics", {_NAME: {"topics": ["orders"]}}),
    "PUT /connectors/{name}/topics/reset": Operation(),
    "GET /connector-plugins": Operation(
        ["PluginInfo"],
        [{"class": _CONFIG["connector.class"], "type": "source", "version": "4.3.1"}],
        query=(Query("connectorsOnly", "Connectors alone (the default), or with false every plugin.", _BOOLEAN),),
    ),
    "GET /connector-plugins/{plugin}/config": Operation(
        ["ConfigKeyInfo"],
        [_KEY],
        query=(Query("version", "The plugin's version; the installed one, or latest.", example="latest"),),
    ),
    "PUT /connector-plugins/{plugin}/config/validate": Operation(
        "ConfigInfos", _INFOS, "ConfigRequest", {**_CONFIG, "name": _NAME}
    ),
    "GET /admin/loggers": Operation({"*": "LoggerLevel"}, {"root": {"level": "INFO", "last_modified": None}}),  # type: ignore[arg-type]
    "GET /admin/loggers/{logger}": Operation("LoggerLevel", {"level": "INFO", "last_modified": None}),
    "PUT /admin/loggers/{logger}": Operation(
        ["string"],
        ["connect.runtime"],
        "SetLevel",
        {"level": "DEBUG"},
        status=200,
        query=(Query("scope", "worker (the default) or cluster.", example="worker"),),
        also={204: "scope=cluster."},
    ),
    "PUT /v1/connector-plugins/{plugin}/config/validate": Operation(
        "AdvisedInfos",
        {
            **_INFOS,
            "warnings": [
                {"key": "topc", "code": "unknown_key", "message": "nothing reads key topc; did you mean topic?"}
            ],
            "checked": True,
        },
        "ConfigRequest",
        {**_CONFIG, "name": _NAME},
        query=(Query("check", "Also look outside: does the server answer, is the table there.", _BOOLEAN),),
    ),
    "GET /v1/worker": Operation(
        "Worker",
        {
            "worker_id": _WORKER,
            "version": "0.1.0",
            "kafka_version": "4.3.1",
            "pid": 4711,
            "data_dir": "connect-data",
            "uptime_ms": 60000,
            "tasks": [
                {
                    "connector": _NAME,
                    "task": 0,
                    "state": "RUNNING",
                    "records": 42,
                    "size_bytes": 4200,
                    "skipped": 0,
                    "lag": None,
                }
            ],
        },
    ),
    "GET /v1/worker/info": Operation(
        "WorkerInfo",
        {
            "worker_id": _WORKER,
            "version": "0.1.0",
            "kafka_version": "4.3.1",
            "kafka_cluster_id": "Vz3bTq0GRZm5Xb2V1Yw9pA",
            "python": "3.12.4",
            "platform": "linux",
            "memory_bytes": 98566144,
            "listeners": ["http://127.0.0.1:8083"],
            "authentication": False,
            "plugins": 42,
            "connectors": {"RUNNING": 3},
            "tasks": {"RUNNING": 4, "FAILED": 1},
        },
    ),
    "GET /v1/lag": Operation("Lag", {"connectors": [_LAG]}),
    "GET /v1/connectors/{name}/lag": Operation(
        "ConnectorLag",
        {
            **_LAG,
            "partitions": [
                {
                    "topic": "orders",
                    "partition": 0,
                    "committed_offset": 35,
                    "log_start_offset": 0,
                    "last_stable_offset": 42,
                    "log_end_offset": 42,
                    "lag": 7,
                    "task": 0,
                }
            ],
        },
    ),
    "GET /v1/throughput": Operation(
        "Throughput",
        {
            "window_ms": 1000,
            **_RATE,
            "tasks": [{"connector": _NAME, "task": 0, "state": "RUNNING", "records": 512345, **_RATE}],
        },
        query=(Query("window_ms", "How long to measure.", {"type": "integer", "minimum": 1, "maximum": 10000}, 1000),),
    ),
    "GET /v1/warnings": Operation(
        "Warnings",
        {
            "warnings": [
                {
                    "code": "task.failed",
                    "subject": "orders-sink-0",
                    "message": "orders.txt cannot be written: No such file or directory",
                }
            ]
        },
    ),
    "GET /v1/topics": Operation("Topics", {"topics": [_TOPIC]}),
    "POST /v1/topics": Operation(
        "Topic", _TOPIC, "CreateTopic", {"name": "orders", "partitions": 1, "configs": {"retention.ms": "604800000"}}
    ),
    "GET /v1/topics/{topic}": Operation("Topic", _TOPIC),
    "PATCH /v1/topics/{topic}": Operation(
        "Topic", _TOPIC, "AlterTopic", {"configs": {"retention.ms": "86400000", "segment.bytes": None}}
    ),
    "DELETE /v1/topics/{topic}": Operation(),
    "GET /v1/topics/{topic}/configs": Operation(
        "TopicConfigs",
        {
            "configs": [
                {
                    "name": "retention.ms",
                    "value": "86400000",
                    "source": "topic",
                    "doc": "Age in ms beyond which segments are removed; -1 for no limit.",
                    "is_ignored": False,
                }
            ]
        },
    ),
    "POST /v1/topics/{topic}/records": Operation(
        "Appended",
        {"appended": 1},
        "AppendRecords",
        {"records": [{"key": "aw==", "value": "dg==", "partition": 0, "headers": [["h", "eA=="]]}], "acks": "written"},
    ),
    "GET /v1/topics/{topic}/partitions/{partition}/records": Operation(
        "Records",
        {
            "records": [
                {"offset": 41, "timestamp": 1763700000000, "key": "aw==", "value": "dg==", "headers": [["h", "eA=="]]}
            ],
            "next_offset": 42,
            "log_start_offset": 0,
            "log_end_offset": 42,
            "last_stable_offset": 42,
        },
    ),
    "DELETE /v1/topics/{topic}/partitions/{partition}/records": Operation("LogStart", {"log_start_offset": 40}),
    "GET /v1/topics/{topic}/partitions/{partition}/offset": Operation("Offset", {"offset": 41}),
    "GET /v1/groups": Operation("Groups", {"groups": ["connect-orders-sink"]}),
    "GET /v1/groups/{group}": Operation(
        "Group",
        {
            "name": "connect-orders-sink",
            "state": "Stable",
            "members": ["connector-orders-sink-0"],
            "offsets": [_GROUP_OFFSET],
        },
    ),
    "GET /v1/groups/{group}/offsets": Operation("GroupOffsets", {"offsets": [_GROUP_OFFSET]}),
    "DELETE /v1/groups/{group}/offsets": Operation(None, None, "GroupPartitions", {"partitions": [["orders", 0]]}),
    "PUT /v1/groups/{group}/offsets": Operation(
        None, None, "GroupOffsets", {"offsets": [{"topic": "orders", "partition": 0, "offset": 35}]}
    ),
}
