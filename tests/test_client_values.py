from __future__ import annotations

import pytest
from confluent_kafka import Consumer, Producer

from connect.client_values import BOUNDS, SERVERS, not_addresses, numbers_out_of_bounds, out_of_bounds, plain_addresses
from connect.kafka.client_config import ClientConfigs

#: What the client asks for beside a number.
WITH = {
    "session.timeout.ms": {"max.poll.interval.ms": "86400000"},
    "max.poll.interval.ms": {"session.timeout.ms": "1"},
    "transaction.timeout.ms": {"transactional.id": "x"},
    "reconnect.backoff.ms": {"reconnect.backoff.max.ms": "3600000"},
    "reconnect.backoff.max.ms": {"reconnect.backoff.ms": "0"},
}


@pytest.mark.parametrize("name", sorted(BOUNDS.keys() - {"rebalance.timeout.ms"}))
def test_librdkafka_takes_the_bounds_and_nothing_beyond(name: str) -> None:
    kind = "consumer" if name.split(".")[0] in ("session", "heartbeat", "max", "fetch") else "producer"
    others = WITH.get(name, {})

    def make(value: int) -> None:
        given = {**others, name: str(value)}
        configs = ClientConfigs({"bootstrap.servers": "127.0.0.1:1"}).of(kind, given)  # type: ignore[arg-type]
        assert any(name.split(".")[0] in key or name == "request.timeout.ms" for key in configs)
        (Consumer if kind == "consumer" else Producer)({**configs, "group.id": "g"} if kind == "consumer" else configs)

    least, most = BOUNDS[name]
    refused = []
    for value in (least - 1, most + 1):
        assert out_of_bounds(name, value) is not None
        try:
            make(value)
        except Exception as error:  # whatever the client raises
            refused.append(error)
    assert refused or least <= 0, "or the bounds are narrower than the client's"
    for value in (least, most):
        assert out_of_bounds(name, value) is None
        make(value)


def test_a_number_out_of_bounds_is_named_with_them_and_with_the_brokers_own() -> None:
    told = out_of_bounds("session.timeout.ms", "2147483648")
    assert told is not None and "1 to 3600000" in told and "group.max.session.timeout.ms" in told
    assert out_of_bounds("session.timeout.ms", "-1") is not None
    assert out_of_bounds("session.timeout.ms", "soon") == "session.timeout.ms: 'soon' is not a whole number"
    assert out_of_bounds("session.timeout.ms", "${env:S}") is out_of_bounds("no.such.ms", "-1") is None
    assert out_of_bounds("session.timeout.ms", "10000") is None


def test_of_a_worker_each_kind_of_client_is_looked_at() -> None:
    worker = {"consumer.session.timeout.ms": "-5", "session.timeout.ms": "2147483648", "admin.request.timeout.ms": "1"}
    assert sorted(key for key, _ in numbers_out_of_bounds(worker)) == sorted(worker)


@pytest.mark.parametrize(
    "servers", ["kafka:9092", "a-b.c_d:1,[::1]:2 , 10.0.0.1:3", "PLAINTEXT://a:1,SASL_SSL://b:2", "${env:BROKERS}", ""]
)
def test_addresses_of_brokers_are_as_javas_clients_take_them(servers: str) -> None:
    assert not_addresses(SERVERS, servers) is None
    assert not_addresses("client.id", "kafka") is None


def test_what_stands_before_an_address_is_passed_over() -> None:
    assert plain_addresses(" SASL_SSL://a:1, b:2,") == "a:1,b:2"
