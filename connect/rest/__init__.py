"""The REST face: Kafka Connect's API.

Parses, calls the herder or the ports, renders; decides nothing. Kafka's routes are in modules by their first part
(`connectors.py`, `plugins.py`, `admin.py`, `root.py`), ours under /v1 in `v1_*.py`; what stands before every route is
an ASGI layer each (`hosts.py`, `origins.py`, `security.py`, `limits.py`, `negotiation.py`).

Elsewhere: what a request does (`connect.runtime.herder`); users and their secrets (`connect.credentials`).
"""
