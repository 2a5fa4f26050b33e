"""What the worker holds of the log: producers, consumers, the administrator.

producer.py, producer_config.py, record_checks.py    columns -> partitions -> batches
append_queue.py                                      the writes of one topic, in order, off the event loop
consumer.py, fetched.py, wakeup.py                   positions, stored batches -> columns, waiting for appends
admin.py                                             topics, and reads without a group

They implement `connect.ports` on the event loop, with one hop to the log's threads a call.

Elsewhere: who reads which partition (`connect.log.groups`); transactions (`connect.log.transactions`); files
(`connect.log.storage`).
"""
