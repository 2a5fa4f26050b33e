"""Connect: Kafka Connect's job, configs and REST API in Python, with a bundled log.

Imports point down: `cli`, `rest` -> `runtime` -> `stores` -> `ports` -> `api`; `log` -> `codec` -> `api`. Only
`connect.app` sees both sides and wires them. docs/explanation/architecture.md walks a record through the folders.

Beside the folders: `records` (the value types that cross the ports), `inspection` (what looks into a data directory),
`credentials` (who may use REST), `write_order` (memory beside a log), `container` (what an image starts).

Elsewhere: what moves data from or to one system (plugins/), bytes of values (converters/), changes of records
(transforms/). They import `connect.api` and nothing else of ours.
"""

from typing import Final

__version__: Final = "0.1.0"

#: The Apache Kafka release whose behaviour is the reference.
KAFKA_VERSION: Final = "4.3.1"
