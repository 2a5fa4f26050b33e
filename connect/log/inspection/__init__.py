"""Tools for a data directory: reading it without owning it, and mending it."""
