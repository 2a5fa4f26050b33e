"""Texts that hold configs: which form a text has, and the connectors and workers in it. Nothing in them is evaluated.

Elsewhere: reading files and standard input (`connect.cli`); whether a config is right (`connect.runtime.validation`).
"""
