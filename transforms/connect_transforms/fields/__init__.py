"""What the transforms share: the column they work on, paths into fields, and schemas made once for each schema."""
