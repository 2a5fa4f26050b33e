"""The REST face: Kafka Connect's API. Parses, calls the herder, renders; decides nothing."""
