"""Transactions: producer ids, sessions of producers, and the coordinator with its topic.

coordinator.py   who owns a transactional id, which partitions its transaction touched, how it ends
session.py       one producer's: its id, epoch and the state of its transaction
producer_ids.py  ids that are never given out twice
records.py       keys and values of `__transaction_state`

Elsewhere: what a partition knows of its producers (`connect.log.storage.producer_state`); the batches that an open
transaction holds back from readers (`connect.log.storage.reading`).
"""
