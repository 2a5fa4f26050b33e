"""JSON paths as Confluent's transforms take them: tokens, paths, comparisons.

A path is compiled once to functions of a value.

Elsewhere: the paths with dots of `field.syntax.version=V2` (`connect_transforms.fields.field_path`).
"""
