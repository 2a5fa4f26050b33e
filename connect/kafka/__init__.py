"""The ports over a real Kafka cluster, by confluent-kafka, which the extra `kafka` brings.

One client of librdkafka stands behind each producer and consumer. Its calls block, so they are made on threads of ours;
what the event loop gets are futures with a timeout.

Elsewhere: the bundled log (`connect.log`); record batches as bytes (`connect.codec`), which librdkafka makes itself
here. Which of the two engines a worker has decides `connect.app`.
"""
