import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.HashMap;
import java.util.Map;
import java.util.TimeZone;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Runs Kafka's own transforms, and the JDK's SimpleDateFormat. A JSON object a line in, one a line out.
 *
 * {"class", "config", "schemas": bool, "topic", "timestamp", "key", "value"}: key and value are JSON texts, with schema
 * envelope where "schemas" is true. Answers {"topic", "key", "value", "headers": [[name, json]]}, {"dropped": true} or
 * {"error": {"phase", "exception", "message"}}.
 *
 * {"pattern", "ms"} or {"pattern", "text"}: answers {"text"}, {"ms"} or {"error": message}.
 */
public class TransformLab {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JsonConverter WITH_SCHEMAS = converter(true);
    private static final JsonConverter SCHEMALESS = converter(false);

    public static void main(String[] args) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode command = JSON.readTree(line);
            out.println(JSON.writeValueAsString(command.has("pattern") ? date(command) : transform(command)));
        }
        out.flush();
    }

    private static ObjectNode date(JsonNode command) {
        ObjectNode answer = JSON.createObjectNode();
        try {
            SimpleDateFormat format = new SimpleDateFormat(command.get("pattern").asText(), java.util.Locale.US);
            format.setTimeZone(TimeZone.getTimeZone("UTC"));
            if (command.has("ms"))
                return answer.put("text", format.format(new Date(command.get("ms").asLong())));
            return answer.put("ms", format.parse(command.get("text").asText()).getTime());
        } catch (Exception error) {
            return answer.put("error", String.valueOf(error.getMessage()));
        }
    }

    private static ObjectNode transform(JsonNode command) {
        String phase = "configure";
        try {
            Transformation<SourceRecord> transform = made(command);
            phase = "decode";
            SourceRecord record = record(command);
            phase = "apply";
            SourceRecord changed = transform.apply(record);
            phase = "encode";
            return shown(changed);
        } catch (Throwable error) {
            ObjectNode answer = JSON.createObjectNode();
            answer.putObject("error").put("phase", phase).put("exception", error.getClass().getSimpleName())
                .put("message", error.getMessage());
            return answer;
        }
    }

    @SuppressWarnings("unchecked")
    private static Transformation<SourceRecord> made(JsonNode command) throws Exception {
        Class<?> type = Class.forName(command.get("class").asText());
        Transformation<SourceRecord> transform = (Transformation<SourceRecord>) type.getDeclaredConstructor().newInstance();
        Map<String, Object> config = new HashMap<>();
        command.get("config").fields().forEachRemaining(entry -> config.put(entry.getKey(), entry.getValue().asText()));
        transform.configure(config);
        return transform;
    }

    private static SourceRecord record(JsonNode command) {
        JsonConverter converter = command.get("schemas").asBoolean() ? WITH_SCHEMAS : SCHEMALESS;
        SchemaAndValue key = converter.toConnectData("t", bytes(command.get("key")));
        SchemaAndValue value = converter.toConnectData("t", bytes(command.get("value")));
        JsonNode timestamp = command.get("timestamp");
        SourceRecord record = new SourceRecord(Map.of("p", "1"), Map.of("o", 1), command.get("topic").asText(), null,
            key.schema(), key.value(), value.schema(), value.value(), timestamp.isNull() ? null : timestamp.asLong());
        record.headers().add("h", 5, Schema.INT32_SCHEMA).addString("g", "x");
        return record;
    }

    private static ObjectNode shown(SourceRecord record) {
        ObjectNode answer = JSON.createObjectNode();
        if (record == null)
            return answer.put("dropped", true);
        answer.put("topic", record.topic());
        answer.put("key", text(record.keySchema(), record.key()));
        answer.put("value", text(record.valueSchema(), record.value()));
        ArrayNode headers = answer.putArray("headers");
        for (Header header : record.headers())
            headers.addArray().add(header.key()).add(text(header.schema(), header.value()));
        return answer;
    }

    private static String text(Schema schema, Object value) {
        byte[] bytes = (schema == null ? SCHEMALESS : WITH_SCHEMAS).fromConnectData("t", schema, value);
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    private static byte[] bytes(JsonNode node) {
        return node.isNull() ? null : node.asText().getBytes(StandardCharsets.UTF_8);
    }

    private static JsonConverter converter(boolean schemas) {
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", schemas, "decimal.format", "NUMERIC", "replace.null.with.default", false), false);
        return converter;
    }
}
