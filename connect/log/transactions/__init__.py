"""Transactions: producer ids, sessions of producers, and the coordinator with its topic."""
