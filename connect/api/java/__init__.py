"""Java's texts, numbers, dates, patterns and class names, as Kafka Connect's users know them."""
