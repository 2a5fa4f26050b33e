"""Connector configs, checked: keys, classes, versions, overrides, and advice about what nobody would say.

Elsewhere: the keys themselves (`connect.runtime.config`, and each plugin's `Config`); hiding and putting back secrets
(`connect.runtime.secrets`).
"""
