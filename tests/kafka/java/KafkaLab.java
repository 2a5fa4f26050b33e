import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Utils;

/**
 * Drives Kafka's own Java clients for the tests: a JSON command a line on stdin, a JSON answer a line on stdout.
 *
 * <p>Its one argument is the BOOTSTRAP server, where a command needs one. Keys, values and header values are base64 or null,
 * so that any bytes pass. The first command that fails ends the program with its stack trace on stderr.
 */
public class KafkaLab {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long TIMEOUT_MS = 30_000;

    private final String bootstrap;

    KafkaLab(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] arguments) throws Exception {
        KafkaLab lab = new KafkaLab(arguments.length > 0 ? arguments[0] : null);
        PrintStream answers = System.out;
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            answers.println(JSON.writeValueAsString(lab.answer(JSON.readTree(line))));
        }
    }

    private JsonNode answer(JsonNode command) throws Exception {
        switch (command.get("do").asText()) {
            case "create":
                return create(command);
            case "produce":
                return produce(command);
            case "consume":
                return consume(command);
            case "offsets-for-times":
                return offsetsForTimes(command);
            case "partition":
                return partition(command);
            default:
                throw new IllegalArgumentException("unknown command: " + command);
        }
    }

    /** {topic, partitions, configs} -> {}. */
    private JsonNode create(JsonNode command) throws Exception {
        int partitions = command.path("partitions").asInt(1);
        NewTopic topic = new NewTopic(command.get("topic").asText(), Optional.of(partitions), Optional.empty());
        topic.configs(strings(command.path("configs")));
        try (Admin admin = admin()) {
            admin.createTopics(List.of(topic)).all().get(TIMEOUT_MS, TimeUnit.MILLISECONDS);
        }
        return JSON.createObjectNode();
    }

    /**
     * {topic, configs, batches: [{records, end}]} -> [{partition, offset}].
     *
     * <p>Records of one list go out as one record batch a partition. `end` is "commit" or "abort" where the batch is a
     * transaction of its own.
     */
    private JsonNode produce(JsonNode command) throws Exception {
        Map<String, Object> configs = new HashMap<>(strings(command.path("configs")));
        configs.put("bootstrap.servers", bootstrap);
        // Nothing leaves before flush(), so what a record batch holds is what the command says.
        configs.putIfAbsent("linger.ms", "30000");
        configs.putIfAbsent("batch.size", "1000000");
        configs.putIfAbsent("delivery.timeout.ms", "90000");
        ArrayNode answer = JSON.createArrayNode();
        try (var producer = new KafkaProducer<>(configs, new ByteArraySerializer(), new ByteArraySerializer())) {
            if (configs.containsKey("transactional.id")) {
                producer.initTransactions();
            }
            for (JsonNode batch : command.get("batches")) {
                String end = batch.path("end").asText("");
                if (!end.isEmpty()) {
                    producer.beginTransaction();
                }
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                for (JsonNode record : batch.get("records")) {
                    sent.add(producer.send(producerRecord(command.get("topic").asText(), record)));
                }
                producer.flush();
                for (Future<RecordMetadata> future : sent) {
                    RecordMetadata metadata = future.get(TIMEOUT_MS, TimeUnit.MILLISECONDS);
                    answer.addObject().put("partition", metadata.partition()).put("offset", metadata.offset());
                }
                if (end.equals("commit")) {
                    producer.commitTransaction();
                } else if (end.equals("abort")) {
                    producer.abortTransaction();
                }
            }
        }
        return answer;
    }

    private static ProducerRecord<byte[], byte[]> producerRecord(String topic, JsonNode record) throws Exception {
        ProducerRecord<byte[], byte[]> made = new ProducerRecord<>(
            topic,
            record.hasNonNull("partition") ? record.get("partition").asInt() : null,
            record.hasNonNull("timestamp") ? record.get("timestamp").asLong() : null,
            bytes(record.get("key")),
            bytes(record.get("value")));
        for (JsonNode header : record.path("headers")) {
            made.headers().add(header.get(0).asText(), bytes(header.get(1)));
        }
        return made;
    }

    /**
     * {topic, partition, end, configs} -> the records from the log start offset up to `end`, exclusive.
     *
     * <p>Without `end`: up to the end that the consumer sees, for read_committed the last stable offset.
     */
    private JsonNode consume(JsonNode command) throws Exception {
        TopicPartition partition = new TopicPartition(command.get("topic").asText(), command.path("partition").asInt(0));
        Map<String, Object> configs = new HashMap<>(strings(command.path("configs")));
        configs.put("bootstrap.servers", bootstrap);
        configs.put("enable.auto.commit", "false");
        long deadline = System.currentTimeMillis() + TIMEOUT_MS;
        ArrayNode answer = JSON.createArrayNode();
        try (var consumer = new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(partition));
            long end = command.hasNonNull("end")
                ? command.get("end").asLong()
                : consumer.endOffsets(List.of(partition)).get(partition);
            consumer.seekToBeginning(List.of(partition));
            while (consumer.position(partition) < end) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    answer.add(consumed(record));
                }
                if (System.currentTimeMillis() > deadline) {
                    throw new IllegalStateException(partition + " stays at " + consumer.position(partition));
                }
            }
        }
        return answer;
    }

    private static ObjectNode consumed(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode made = JSON.createObjectNode();
        made.put("offset", record.offset());
        made.put("timestamp", record.timestamp());
        made.put("timestamp_type", record.timestampType().name());
        made.put("key", base64(record.key()));
        made.put("value", base64(record.value()));
        ArrayNode headers = made.putArray("headers");
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(base64(header.value()));
        }
        return made;
    }

    /** {topic, partition, times} -> for each time the first offset at or after it, or null. */
    private JsonNode offsetsForTimes(JsonNode command) throws Exception {
        TopicPartition partition = new TopicPartition(command.get("topic").asText(), command.path("partition").asInt(0));
        Map<String, Object> configs = Map.of("bootstrap.servers", bootstrap);
        ArrayNode answer = JSON.createArrayNode();
        try (var consumer = new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            for (JsonNode time : command.get("times")) {
                OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, time.asLong())).get(partition);
                answer.add(found == null ? JSON.nullNode() : JSON.getNodeFactory().numberNode(found.offset()));
            }
        }
        return answer;
    }

    /** {keys, counts} -> [{key, murmur2, partitions}]: where the producer puts each key for each number of partitions. */
    private static JsonNode partition(JsonNode command) throws Exception {
        ArrayNode answer = JSON.createArrayNode();
        for (JsonNode key : command.get("keys")) {
            ObjectNode made = answer.addObject();
            made.put("key", key.asText());
            made.put("murmur2", Utils.murmur2(bytes(key)));
            ObjectNode partitions = made.putObject("partitions");
            for (JsonNode count : command.get("counts")) {
                partitions.put(count.asText(), BuiltInPartitioner.partitionForKey(bytes(key), count.asInt()));
            }
        }
        return answer;
    }

    private Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", "30000"));
    }

    private static Map<String, String> strings(JsonNode object) {
        Map<String, String> made = new HashMap<>();
        object.properties().forEach(field -> made.put(field.getKey(), field.getValue().asText()));
        return made;
    }

    private static byte[] bytes(JsonNode node) throws Exception {
        return node == null || node.isNull() ? null : Base64.getDecoder().decode(node.asText());
    }

    private static String base64(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }
}
