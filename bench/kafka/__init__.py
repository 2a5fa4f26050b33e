"""Connect beside Java's Kafka Connect on one Kafka broker: `python -m bench.kafka`."""
