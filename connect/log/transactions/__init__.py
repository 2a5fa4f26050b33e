"""Transactions: producer ids, sessions of producers, and the coordinator with its topic.

Elsewhere: what a partition knows of its producers (`connect.log.storage.producer_state`); the batches that an open
transaction holds back from readers (`connect.log.storage.reading`).
"""
