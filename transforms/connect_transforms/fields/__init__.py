"""What the transforms share: the column they work on, paths into fields, and schemas made once for each schema.

Columns of a batch, never single records.

Elsewhere: what one transform alone does to a value, in its module.
"""
