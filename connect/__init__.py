"""Connect: Kafka Connect's job, configs and REST API in Python, with a bundled log."""

from typing import Final

__version__: Final = "0.1.0"

#: The Apache Kafka release whose behaviour is the reference.
KAFKA_VERSION: Final = "4.3.1"
