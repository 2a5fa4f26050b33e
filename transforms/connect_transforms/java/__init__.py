"""Java's casts and replacement texts, for the transforms that promise Kafka's results.

Functions of single values and texts; patterns are compiled once.

Elsewhere: Java's texts, numbers and date formats, which others need as well (`connect.api.java`).
"""
