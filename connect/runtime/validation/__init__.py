"""Connector configs, checked: keys, classes, versions, overrides, and advice about what nobody would say."""
