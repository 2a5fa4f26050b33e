"""JSON paths as Confluent's transforms take them: tokens, paths, comparisons."""
