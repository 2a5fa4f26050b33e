"""What the worker holds of the log: producers, consumers, the administrator.

They implement `connect.ports` on the event loop, with one hop to the log's threads a call.

Elsewhere: who reads which partition (`connect.log.groups`); transactions (`connect.log.transactions`); files
(`connect.log.storage`).
"""
