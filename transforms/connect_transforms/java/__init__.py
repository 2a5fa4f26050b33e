"""Java's calendar, casts and date formats, for the transforms that promise Kafka's results.

Functions of single values and texts; patterns are compiled once.

Elsewhere: Java's texts and numbers, which converters need as well (`connect.api.java`).
"""
