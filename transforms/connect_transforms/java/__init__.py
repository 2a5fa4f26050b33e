"""Java's calendar, casts and date formats, for the transforms that promise Kafka's results."""
