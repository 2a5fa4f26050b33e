"""A broker whose listeners ask who one is, and that allows what ACLs allow. One for all tests of a run.

| listener | protocol | who |
|---|---|---|
| PLAINTEXT | PLAINTEXT | `User:ANONYMOUS`, who may do everything |
| SASL_PLAINTEXT | SASL_PLAINTEXT, PLAIN | `USER` |
| SCRAM | SASL_SSL, SCRAM-SHA-256 and -512 | whom a test makes with `user` |
| MTLS | SSL, a client's certificate | the certificate's common name, which a test chooses |
| EXPIRED, STRANGER | SSL | the server's certificate has expired, or is another host's |
"""

from __future__ import annotations

import datetime
import itertools
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import trustme
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509 import load_pem_x509_certificates

from tests.support.kafka_broker import KafkaBroker, SharedBroker

#: Operations whose names here are not theirs in upper case.
_NAMES: Final = {"DescribeConfigs": "DESCRIBE_CONFIGS", "IdempotentWrite": "IDEMPOTENT_WRITE"}
_WITHIN_S: Final = 20
_TLS: Final = {"SCRAM": "server", "MTLS": "server", "EXPIRED": "expired", "STRANGER": "stranger"}
_RESOURCES: Final = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "cluster": ResourceType.BROKER,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}


class SecuredBroker(KafkaBroker):
    """See this module's text."""

    cluster_id = "YW5vdGhlci1jbHVzdGVyMQ"
    listeners: Mapping[str, str] = {
        "PLAINTEXT": "PLAINTEXT",
        "SASL_PLAINTEXT": "SASL_PLAINTEXT",
        "SCRAM": "SASL_SSL",
        "MTLS": "SSL",
        "EXPIRED": "SSL",
        "STRANGER": "SSL",
    }

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        root.mkdir(parents=True, exist_ok=True)
        authority, other = trustme.CA(), trustme.CA(organization_name="another")
        long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        (root / "ca.pem").write_bytes(authority.cert_pem.bytes())
        (root / "other-ca.pem").write_bytes(other.cert_pem.bytes())
        for name, host, until in (
            ("server", "127.0.0.1", None),
            ("expired", "127.0.0.1", long_ago + datetime.timedelta(days=1)),
            ("stranger", "elsewhere.example.org", None),
        ):
            made = authority.issue_cert(host, not_before=long_ago if until else None, not_after=until)
            (root / f"{name}.pem").write_bytes(_pem(made))
        for name, signs in (("client", authority), ("other-client", other)):
            (root / f"{name}.pem").write_bytes(_pem(signs.issue_cert("ann@example.org", common_name="ann")))

    def more_properties(self) -> dict[str, str]:
        root = self.data_dir.parent
        found = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "auto.create.topics.enable": "false",
        }
        for listener, name in _TLS.items():
            prefix = f"listener.name.{listener.lower()}."
            found |= {
                f"{prefix}ssl.keystore.type": "PEM",
                f"{prefix}ssl.keystore.location": str(root / f"{name}.pem"),
                f"{prefix}ssl.truststore.type": "PEM",
                f"{prefix}ssl.truststore.location": str(root / "ca.pem"),
            }
        found["listener.name.mtls.ssl.client.auth"] = "required"
        found["listener.name.mtls.ssl.principal.mapping.rules"] = r"RULE:^.*CN=([a-zA-Z]+).*$/$1/,DEFAULT"
        found["listener.name.scram.sasl.enabled.mechanisms"] = "SCRAM-SHA-256,SCRAM-SHA-512"
        for number in ("256", "512"):
            found[f"listener.name.scram.scram-sha-{number}.sasl.jaas.config"] = (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            )
        return found


def _pem(made: trustme.LeafCert) -> bytes:
    """Return key and certificates as Java takes them: it knows private keys as PKCS #8 alone."""
    key = load_pem_private_key(made.private_key_pem.bytes(), None)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text + b"".join(each.bytes() for each in made.cert_chain_pems)


@dataclass(frozen=True)
class Secured:
    """That broker, for one test."""

    shared: SharedBroker

    def file(self, name: str) -> Path:
        """Return a PEM file: ca, other-ca; client, other-client with certificate and key."""
        return self.shared.root / f"{name}.pem"

    def pkcs12(self, name: str, password: str) -> Path:
        """Return a PKCS12 store of what a PEM file has."""
        text = self.file(name).read_bytes()
        [certificate, *_] = load_pem_x509_certificates(text)
        key = cast(EllipticCurvePrivateKey, load_pem_private_key(text, None))
        path = self.file(name).with_suffix(".p12")
        encryption = BestAvailableEncryption(password.encode())
        path.write_bytes(serialize_key_and_certificates(name.encode(), key, certificate, None, encryption))
        return path

    def address(self, listener: str) -> str:
        return self.shared.addresses[listener]

    @property
    def admin(self) -> AdminClient:
        """May do everything."""
        return AdminClient({"bootstrap.servers": self.shared.bootstrap, "log_level": 3})

    def user(self, name: str, password: str, number: int = 512) -> None:
        """Make somebody who logs in by SCRAM."""
        mechanism = getattr(ScramMechanism, f"SCRAM_SHA_{number}")
        new = UserScramCredentialUpsertion(name, ScramCredentialInfo(mechanism, 4096), password.encode())
        admin = self.admin
        for future in admin.alter_user_scram_credentials([new]).values():
            future.result(_WITHIN_S)
        deadline = time.monotonic() + _WITHIN_S
        while name not in admin.describe_user_scram_credentials().result(_WITHIN_S):
            assert time.monotonic() < deadline, f"{name} is not there"
            time.sleep(0.05)

    def make_topic(self, name: str, configs: dict[str, str]) -> None:
        """Make a topic of one partition."""
        admin = self.admin
        [made] = admin.create_topics([NewTopic(name, 1, 1, config=configs)]).values()
        made.result(_WITHIN_S)

    def allow_by(self, command: str) -> None:
        """Do what a command of `kafka-acls` says."""
        words = shlex.split(command)
        assert words[0] == "kafka-acls", command
        given: dict[str, list[str]] = {}
        for option, value in itertools.pairwise(words[1:]):
            if option.startswith("--") and not value.startswith("--"):
                given.setdefault(option.removeprefix("--"), []).append(value)
        operations = " ".join(_NAMES.get(each, each.upper()) for each in given["operation"])
        all_that_begin_so = "*" if given.get("resource-pattern-type") == ["prefixed"] else ""
        rules = [
            (operations, kind, f"{name}{all_that_begin_so}") for kind in _RESOURCES for name in given.get(kind, ())
        ]
        assert rules, command
        self.allow(given["allow-principal"][0], *rules)

    def allow(self, principal: str, *rules: tuple[str, str, str]) -> None:
        """Add ACLs: operations, kind of resource and name, which ends in * where all that begin so are meant."""
        new = []
        for operations, kind, name in rules:
            pattern = ResourcePatternType.PREFIXED if name.endswith("*") else ResourcePatternType.LITERAL
            for operation in operations.split():
                allowed = (principal, "*", getattr(AclOperation, operation), AclPermissionType.ALLOW)
                new.append(AclBinding(_RESOURCES[kind], name.removesuffix("*"), pattern, *allowed))
        admin = self.admin
        for future in admin.create_acls(new).values():
            future.result(_WITHIN_S)


def scram(broker: Secured, name: str, password: str, number: int = 512) -> dict[str, str]:
    """Return a Java client's keys of somebody who logs in by SCRAM."""
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return {
        "bootstrap.servers": broker.address("SCRAM"),
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": f"SCRAM-SHA-{number}",
        "sasl.jaas.config": f'{module} required username="{name}" password="{password}";',
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(broker.file("ca")),
    }
