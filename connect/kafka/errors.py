"""Errors of librdkafka -> ours: one table, in which every code has its place.

What passes by itself is an `EnvironmentFault`, so the runtime waits and tries again, as it does when a disk is full.
What a cluster refuses for who asks has codes of its own, which the runtime knows not to wait for; `Access` is what a
request needs, and puts the ACL into the message that is missing.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any, Final

from connect.api.error_codes import register_code
from connect.api.errors import (
    ConfigError,
    ConflictError,
    ConnectError,
    CorruptBatchError,
    EnvironmentFault,
    IllegalGenerationError,
    InvalidRecordError,
    LogError,
    NotFoundError,
    OffsetOutOfRangeError,
    OutOfOrderSequenceError,
    ProducerFencedError,
    RecordTooLargeError,
    TransactionStateError,
    UnknownTopicOrPartitionError,
)

EXTRA_MISSING: Final = register_code(
    "config.kafka_extra_missing",
    "bootstrap.servers is set, and the client for Kafka is not installed.",
    "Install it with: pip install 'connect-runtime[kafka]'.",
)
AUTHENTICATION: Final = register_code(
    "kafka.authentication",
    "The Kafka cluster does not accept who the worker says it is, or its certificate is not trusted.",
    "Compare security.protocol, sasl.* and ssl.* of the config with the cluster's listener.",
)
AUTHORIZATION: Final = register_code(
    "kafka.authorization",
    "The Kafka cluster does not allow the worker's user to do this.",
    "Have the cluster's administrator add the ACL that the message speaks of.",
)
GROUP_PROTOCOL: Final = register_code(
    "kafka.group_protocol",
    "A group of the Kafka cluster has members that are no consumers, or that share partitions in another way.",
    "Stop those members, or set another group.id.",
)
UNREACHABLE: Final = "environment.unreachable"

_Kind = tuple[type[ConnectError], str | None]

_PASSES: Final[_Kind] = (EnvironmentFault, UNREACHABLE)
_AUTHENTICATION: Final[_Kind] = (EnvironmentFault, AUTHENTICATION)
_AUTHORIZATION: Final[_Kind] = (EnvironmentFault, AUTHORIZATION)
_UNKNOWN: Final[_Kind] = (UnknownTopicOrPartitionError, None)
_CONFIG: Final[_Kind] = (ConfigError, None)
_FENCED: Final[_Kind] = (ProducerFencedError, None)
_TRANSACTION: Final[_Kind] = (TransactionStateError, None)
_TOO_LARGE: Final[_Kind] = (RecordTooLargeError, None)
_TAKEN: Final[_Kind] = (IllegalGenerationError, None)
_OUT_OF_RANGE: Final[_Kind] = (OffsetOutOfRangeError, None)
_CORRUPT: Final[_Kind] = (CorruptBatchError, None)
_INVALID: Final[_Kind] = (InvalidRecordError, None)
_ORDER: Final[_Kind] = (OutOfOrderSequenceError, None)
_PARTITIONS: Final[_Kind] = (ConfigError, "log.invalid_partitions")
_FAILED: Final[_Kind] = (LogError, None)


def _each(kind: _Kind, names: str) -> dict[str, _Kind]:
    return dict.fromkeys(names.split(), kind)


KINDS: Final[dict[str, _Kind]] = {
    # -- what passes by itself: brokers that come and go, leaders that move, time that runs out
    **_each(
        _PASSES,
        """
        _TRANSPORT _ALL_BROKERS_DOWN _RESOLVE _TIMED_OUT _TIMED_OUT_QUEUE _MSG_TIMED_OUT _WAIT_COORD
        _WAIT_CACHE _INTR _RETRY _IN_PROGRESS _PREV_IN_PROGRESS _ISR_INSUFF _NODE_UPDATE _UNKNOWN_BROKER
        _QUEUE_FULL _CRIT_SYS_RESOURCE _FS _PURGE_QUEUE _PURGE_INFLIGHT _DESTROY _DESTROY_BROKER _PARTIAL
        _FAIL _OUTDATED _UNDERFLOW _LOG_TRUNCATION BROKER_NOT_AVAILABLE LEADER_NOT_AVAILABLE
        NOT_LEADER_FOR_PARTITION REPLICA_NOT_AVAILABLE REQUEST_TIMED_OUT NETWORK_EXCEPTION
        COORDINATOR_LOAD_IN_PROGRESS COORDINATOR_NOT_AVAILABLE NOT_COORDINATOR NOT_CONTROLLER
        NOT_ENOUGH_REPLICAS NOT_ENOUGH_REPLICAS_AFTER_APPEND KAFKA_STORAGE_ERROR CONCURRENT_TRANSACTIONS
        UNSTABLE_OFFSET_COMMIT THROTTLING_QUOTA_EXCEEDED FENCED_LEADER_EPOCH UNKNOWN_LEADER_EPOCH
        OFFSET_NOT_AVAILABLE PREFERRED_LEADER_NOT_AVAILABLE ELIGIBLE_LEADERS_NOT_AVAILABLE
        STALE_BROKER_EPOCH STALE_CTRL_EPOCH REASSIGNMENT_IN_PROGRESS FETCH_SESSION_ID_NOT_FOUND
        INVALID_FETCH_SESSION_EPOCH LISTENER_NOT_FOUND REBOOTSTRAP_REQUIRED GROUP_MAX_SIZE_REACHED
        REBALANCE_IN_PROGRESS MEMBER_ID_REQUIRED TRANSACTION_COORDINATOR_FENCED LOG_DIR_NOT_FOUND
        UNKNOWN_CONTROLLER_ID OPERATION_NOT_ATTEMPTED
        """,
    ),
    # -- who we are
    **_each(
        _AUTHENTICATION,
        """
        _AUTHENTICATION _SSL SASL_AUTHENTICATION_FAILED UNSUPPORTED_SASL_MECHANISM ILLEGAL_SASL_STATE
        UNACCEPTABLE_CREDENTIAL PRINCIPAL_DESERIALIZATION_FAILURE
        """,
    ),
    # -- what we may do
    **_each(
        _AUTHORIZATION,
        """
        TOPIC_AUTHORIZATION_FAILED GROUP_AUTHORIZATION_FAILED CLUSTER_AUTHORIZATION_FAILED
        TRANSACTIONAL_ID_AUTHORIZATION_FAILED DELEGATION_TOKEN_AUTHORIZATION_FAILED SECURITY_DISABLED
        TOPIC_DELETION_DISABLED
        """,
    ),
    # -- topics and their configs
    **_each(
        _UNKNOWN,
        """
        UNKNOWN_TOPIC_OR_PART UNKNOWN_TOPIC_ID INCONSISTENT_TOPIC_ID _UNKNOWN_TOPIC _UNKNOWN_PARTITION
        """,
    ),
    **_each(
        _CONFIG,
        """
        INVALID_CONFIG INVALID_REPLICATION_FACTOR INVALID_REPLICA_ASSIGNMENT POLICY_VIOLATION
        INVALID_REQUEST INVALID_GROUP_ID INVALID_SESSION_TIMEOUT INVALID_TRANSACTION_TIMEOUT
        INVALID_REQUIRED_ACKS UNSUPPORTED_VERSION UNSUPPORTED_FOR_MESSAGE_FORMAT
        UNSUPPORTED_COMPRESSION_TYPE UNSUPPORTED_ASSIGNOR
        INVALID_REGULAR_EXPRESSION _INVALID_ARG _UNSUPPORTED_FEATURE _NOT_CONFIGURED _UNKNOWN_PROTOCOL
        OFFSET_METADATA_TOO_LARGE _INVALID_TYPE
        """,
    ),
    "INVALID_PARTITIONS": _PARTITIONS,
    "TOPIC_EXCEPTION": (ConfigError, "log.invalid_topic"),
    "TOPIC_ALREADY_EXISTS": (ConflictError, "log.topic_exists"),
    **_each(
        (ConflictError, None),
        """
        DUPLICATE_RESOURCE ELECTION_NOT_NEEDED NO_REASSIGNMENT_IN_PROGRESS
        """,
    ),
    **_each(
        (NotFoundError, None),
        """
        RESOURCE_NOT_FOUND GROUP_ID_NOT_FOUND _UNKNOWN_GROUP
        """,
    ),
    **_each(
        (ConflictError, "log.group_in_use"),
        """
        NON_EMPTY_GROUP GROUP_SUBSCRIBED_TO_TOPIC
        """,
    ),
    # -- groups
    "INCONSISTENT_GROUP_PROTOCOL": (ConfigError, GROUP_PROTOCOL),
    **_each(
        _TAKEN,
        """
        ILLEGAL_GENERATION UNKNOWN_MEMBER_ID FENCED_INSTANCE_ID UNRELEASED_INSTANCE_ID FENCED_MEMBER_EPOCH
        STALE_MEMBER_EPOCH _ASSIGNMENT_LOST _MAX_POLL_EXCEEDED
        """,
    ),
    # -- records
    **_each(
        _TOO_LARGE,
        """
        MSG_SIZE_TOO_LARGE RECORD_LIST_TOO_LARGE INVALID_MSG_SIZE
        """,
    ),
    **_each(
        _INVALID,
        """
        INVALID_RECORD INVALID_TIMESTAMP _INVALID_DIFFERENT_RECORD
        """,
    ),
    **_each(
        _CORRUPT,
        """
        INVALID_MSG _BAD_MSG _BAD_COMPRESSION
        """,
    ),
    **_each(
        _OUT_OF_RANGE,
        """
        OFFSET_OUT_OF_RANGE _AUTO_OFFSET_RESET _NO_OFFSET
        """,
    ),
    # -- idempotence and transactions
    **_each(
        _FENCED,
        """
        PRODUCER_FENCED INVALID_PRODUCER_EPOCH _FENCED FENCED_STATE_EPOCH
        """,
    ),
    **_each(
        _TRANSACTION,
        """
        INVALID_TXN_STATE INVALID_PRODUCER_ID_MAPPING TRANSACTION_ABORTABLE _STATE _CONFLICT
        """,
    ),
    **_each(
        _ORDER,
        """
        OUT_OF_ORDER_SEQUENCE_NUMBER DUPLICATE_SEQUENCE_NUMBER UNKNOWN_PRODUCER_ID _GAPLESS_GUARANTEE
        _INCONSISTENT
        """,
    ),
    # -- what Connect never asks for: quorums, share groups, tokens, streams, (de)serialisers
    **_each(
        _FAILED,
        """
        INVALID_UPDATE_VERSION _KEY_SERIALIZATION _VALUE_SERIALIZATION _KEY_DESERIALIZATION
        _VALUE_DESERIALIZATION DELEGATION_TOKEN_AUTH_DISABLED DELEGATION_TOKEN_EXPIRED
        DELEGATION_TOKEN_NOT_FOUND DELEGATION_TOKEN_OWNER_MISMATCH DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
        INVALID_PRINCIPAL_TYPE DUPLICATE_VOTER VOTER_NOT_FOUND INVALID_VOTER_KEY INCONSISTENT_VOTER_SET
        FEATURE_UPDATE_FAILED INVALID_RECORD_STATE INVALID_REGISTRATION INVALID_SHARE_SESSION_EPOCH
        SHARE_SESSION_NOT_FOUND SHARE_SESSION_LIMIT_REACHED STREAMS_INVALID_TOPOLOGY
        STREAMS_INVALID_TOPOLOGY_EPOCH STREAMS_TOPOLOGY_FENCED TELEMETRY_TOO_LARGE UNKNOWN_SUBSCRIPTION_ID
        MISMATCHED_ENDPOINT_TYPE UNSUPPORTED_ENDPOINT_TYPE
        """,
    ),
    # -- defects, of a broker or of ours; and what Connect never asks for: quorums, share groups, tokens, streams
    **_each(
        _FAILED,
        """
        UNKNOWN NO_ERROR _APPLICATION _FATAL _NOT_IMPLEMENTED _NOENT _NOOP _READ_ONLY _PARTITION_EOF
        _ASSIGN_PARTITIONS _REVOKE_PARTITIONS _EXISTING_SUBSCRIPTION INVALID_COMMIT_OFFSET_SIZE
        """,
    ),
}

#: Who one is to a cluster that does not ask.
ANONYMOUS: Final = "User:ANONYMOUS"


@dataclass(frozen=True, slots=True)
class Access:
    """What a request needs: operations on resources of one kind, as Kafka's ACLs name them.

    Attributes:
        who: The principal; '' where a certificate says who it is, by rules that the brokers alone know.
        operations: Create, Describe, DescribeConfigs, Read, Write, ...
        kind: topic, group, transactional-id or cluster; a cluster has no name.
        of: What all of it is a part of, and is to be allowed with it; empty: it stands alone.
    """

    who: str
    operations: tuple[str, ...]
    kind: str
    names: tuple[str, ...] = ()
    of: tuple[Access, ...] = ()

    @property
    def refused(self) -> str:
        """Say who may not do what."""
        who = self.who or "the user of the client's certificate"
        named = " and ".join(map(repr, self.names))
        return f"{who} may not {' or '.join(self.operations)} {self.kind}{f' {named}' if named else ''}"

    @property
    def acl(self) -> str:
        """The commands that allow it."""
        if self.of:
            return " && ".join(each.acl for each in self.of)
        options = [f"--operation {each}" for each in self.operations]
        options += [f"--{self.kind} {shlex.quote(each)}" for each in self.names] or [f"--{self.kind}"]
        who = shlex.quote(self.who) if self.who else "User:NAME"
        return f"kafka-acls --bootstrap-server BROKER --add --allow-principal {who} {' '.join(options)}"


#: What a worker does with the topics of its state. Read and Write allow Describe, too.
STATE_OPERATIONS: Final = ("Create", "DescribeConfigs", "Read", "Write")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a client is to the cluster, and what it needs there.

    Attributes:
        state: Of a worker's own client, the topics of its state: what is missing of one is told with all that a worker
            needs.
        group: Of a worker's own client, its group.
    """

    name: str
    state: tuple[str, ...] = ()
    group: str | None = None

    def topic(self, operation: str, name: str) -> Access:
        """Return what a request about a topic needs."""
        whole: tuple[Access, ...] = ()
        if name in self.state:
            whole = (Access(self.name, STATE_OPERATIONS, "topic", self.state),)
            if self.group is not None:
                whole += (self.member(self.group), self.transaction(f"connect-cluster-{self.group}"))
        return Access(self.name, (operation,), "topic", (name,), whole)

    def member(self, group: str) -> Access:
        """Return what a member of a group needs, or who sets its offsets."""
        return Access(self.name, ("Read",), "group", (group,))

    def look(self, group: str) -> Access:
        """Return what it takes to look at a group and at its offsets."""
        return Access(self.name, ("Describe",), "group", (group,))

    def transaction(self, name: str) -> Access:
        """Return what the producer of a transactional id needs."""
        return Access(self.name, ("Write",), "transactional-id", (name,))


def refusal(doing: str, needs: Access, *, text: str = "") -> EnvironmentFault:
    """Return the error of what the cluster does not allow, with the commands that would."""
    said = f" ({text})" if text else ""
    return EnvironmentFault(
        f"{doing}: {needs.refused}{said}; to allow it: {needs.acl}",
        code=AUTHORIZATION,
        hint="Have the cluster's administrator add the ACL, then start again what has failed.",
    )


#: Those that say no more than that nobody answered; what the client was told before says why.
_VAGUE: Final = frozenset(("_TIMED_OUT", "_MSG_TIMED_OUT", "_ALL_BROKERS_DOWN", "_TRANSPORT", "_WAIT_COORD"))


def is_kind(error: Any, kind: type[ConnectError]) -> bool:
    """Tell whether a `KafkaError` becomes an error of a class."""
    return issubclass(KINDS.get(error.name(), _FAILED)[0], kind)


def is_refusal(error: Any) -> bool:
    """Tell whether a `KafkaError` says that the client may not: nothing changes that by itself."""
    return "AUTHORIZATION" in error.name() or "AUTHENTICATION" in error.name()


def is_vague(error: Any) -> bool:
    """Tell whether a `KafkaError` leaves open why nobody answered."""
    return error.name() in _VAGUE


#: What to do where the brokers' text names no key: the name of an error -> the keys that it may be about.
_HINTS: Final = {
    "INVALID_REPLICATION_FACTOR": (
        "Ask for at most as many replicas as there are brokers, or -1 for the cluster's default: a worker in "
        "config.storage.replication.factor, offset.storage.replication.factor and status.storage.replication.factor, "
        "a schema registry in registry.storage.replication.factor, a source in "
        "topic.creation.default.replication.factor or that of the topic's group, a dead letter queue in "
        "errors.deadletterqueue.topic.replication.factor."
    ),
    "INVALID_SESSION_TIMEOUT": (
        "Set session.timeout.ms of the worker, or consumer.override.session.timeout.ms of a sink, between "
        "group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers."
    ),
}


def ours(error: Any, doing: str, *, because: Any = None, needs: Access | None = None) -> ConnectError:
    """Return our error for a `KafkaError`, or for an exception that has one in it.

    Args:
        doing: What was done and failed: 'append to topic 'orders''.
        because: What the client was told before, a `KafkaError`, where this one is vague.
        needs: What it takes to be allowed to.
    """
    error = inner(error)
    if isinstance(error, TimeoutError):
        return EnvironmentFault(f"{doing}: no answer in time", code=UNREACHABLE)
    if not hasattr(error, "name"):
        return LogError(f"{doing}: {type(error).__name__}: {error}")
    kind, code = KINDS.get(error.name(), _FAILED)
    text = error.str()
    if because is not None and is_vague(error):
        text = f"{text}; before that: {because.str()}"
        if is_refused_login(because):
            (kind, code), error = _AUTHENTICATION, because
    if code == AUTHORIZATION and needs is not None and (refused := _refused_of(error.name(), needs)) is not None:
        return refusal(doing, refused, text=text.rstrip("."))
    if code == AUTHENTICATION:
        return login_refused(doing, text)
    return kind(f"{doing}: {text}", code=code, hint=_HINTS.get(error.name()))


def is_refused_login(error: Any) -> bool:
    """Tell whether a `KafkaError` says that the brokers do not let the client in, or that it does not trust them."""
    return KINDS.get(error.name(), _FAILED) == _AUTHENTICATION


def _refused_of(name: str, needs: Access) -> Access | None:
    """Return what was refused: brokers say of which kind it is. None where it is not what the request was about."""
    kind = name.removesuffix("_AUTHORIZATION_FAILED").lower().replace("_", "-")
    if kind == "cluster":
        return Access(needs.who, ("IdempotentWrite",), "cluster")
    return needs if kind == needs.kind else None


#: What librdkafka's text of a login that failed is about: a part of it -> the key of the config at fault.
_ABOUT: Final = (
    ("unsupported sasl mechanism", "sasl.mechanism"),
    ("sasl state", "security.protocol"),
    ("plaintext broker listener", "security.protocol"),
    ("authentication fail", "sasl.jaas.config"),
    ("authentication error", "sasl.jaas.config"),
    ("certificate verify failed", "ssl.truststore.location"),
    ("alert", "ssl.keystore.location"),
)


def login_refused(doing: str, text: str, *, key: str | None = None) -> EnvironmentFault:
    """Return the error of a login that failed, or of brokers that are none; it names the key, where that is known."""
    key = key or next((about for part, about in _ABOUT if part in text.lower()), None)
    named = f"{key}: " if key and not text.startswith(f"{key}:") else ""
    code = UNREACHABLE if key == "bootstrap.servers" else AUTHENTICATION
    return EnvironmentFault(f"{doing}: {named}{text}", code=code, config_path=key)


def inner(error: Any) -> Any:
    """Return the `KafkaError` in an exception, or in one that it came from; else what was given."""
    seen: list[Any] = []
    at = error
    while isinstance(at, BaseException) and at not in seen:
        seen.append(at)
        if at.args and hasattr(at.args[0], "name") and hasattr(at.args[0], "retriable"):
            return at.args[0]
        at = at.__cause__ or at.__context__
    return error


__all__ = [
    "ANONYMOUS",
    "AUTHENTICATION",
    "AUTHORIZATION",
    "EXTRA_MISSING",
    "GROUP_PROTOCOL",
    "KINDS",
    "Access",
    "Principal",
    "inner",
    "is_kind",
    "is_refused_login",
    "is_vague",
    "login_refused",
    "ours",
    "refusal",
]
