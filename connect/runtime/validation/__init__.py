"""Connector configs, checked: keys, classes, versions, overrides; and warnings of what is likely to be wrong.

Elsewhere: the keys themselves (`connect.runtime.connector_config`, and each plugin's `Config`); hiding and putting back
secrets (`connect.runtime.secrets`).
"""
