import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TimeZone;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Runs transforms on cases in the form of vectors/FORMAT.md: a case without "output" a line in, the vector a line out.
 * Source records only.
 */
public class Recorder {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        JSON.getFactory().configure(JsonWriteFeature.ESCAPE_NON_ASCII.mappedFeature(), true);
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ObjectNode vector = (ObjectNode) JSON.readTree(line);
            vector.set("output", output(vector));
            out.println(JSON.writeValueAsString(vector));
        }
        out.flush();
    }

    @SuppressWarnings("unchecked")
    private static JsonNode output(ObjectNode vector) {
        String phase = "configure";
        try {
            Class<?> type = Class.forName(vector.get("class").asText());
            Transformation<SourceRecord> transform =
                (Transformation<SourceRecord>) type.getDeclaredConstructor().newInstance();
            Map<String, Object> config = new HashMap<>();
            vector.get("config").fields().forEachRemaining(e -> config.put(e.getKey(), e.getValue().asText()));
            transform.configure(config);
            phase = "decode";
            SourceRecord record = record(vector.get("input"));
            phase = "apply";
            SourceRecord made = transform.apply(record);
            return made == null ? JSON.nullNode() : shown(made);
        } catch (Throwable error) {
            ObjectNode answer = JSON.createObjectNode();
            ObjectNode told = answer.putObject("error");
            told.put("phase", phase).put("exception", error.getClass().getSimpleName()).put("message", error.getMessage());
            return answer;
        }
    }

    private static SourceRecord record(JsonNode node) {
        Schema keySchema = schema(node.get("keySchema"));
        Schema valueSchema = schema(node.get("valueSchema"));
        JsonNode partition = node.get("partition");
        JsonNode timestamp = node.get("timestamp");
        SourceRecord record = new SourceRecord(Map.of("p", "1"), Map.of("o", 1), node.get("topic").asText(),
            partition.isNull() ? null : partition.asInt(), keySchema, value(node.get("key"), keySchema), valueSchema,
            value(node.get("value"), valueSchema), timestamp.isNull() ? null : timestamp.asLong());
        for (JsonNode header : node.get("headers")) {
            Schema schema = schema(header.get("schema"));
            record.headers().add(header.get("name").asText(), value(header.get("value"), schema), schema);
        }
        return record;
    }

    private static ObjectNode shown(ConnectRecord<?> record) {
        ObjectNode answer = JSON.createObjectNode();
        answer.put("kind", "source").put("topic", record.topic()).put("partition", record.kafkaPartition());
        answer.put("timestamp", record.timestamp());
        answer.set("keySchema", shown(record.keySchema()));
        answer.set("key", shown(record.key(), record.keySchema()));
        answer.set("valueSchema", shown(record.valueSchema()));
        answer.set("value", shown(record.value(), record.valueSchema()));
        ArrayNode headers = answer.putArray("headers");
        for (Header header : record.headers()) {
            ObjectNode node = headers.addObject();
            node.put("name", header.key());
            node.set("schema", shown(header.schema()));
            node.set("value", shown(header.value(), header.schema()));
        }
        return answer;
    }

    private static Schema schema(JsonNode node) {
        if (node == null || node.isNull())
            return null;
        Schema.Type type = Schema.Type.valueOf(node.get("type").asText().toUpperCase());
        SchemaBuilder builder = switch (type) {
            case ARRAY -> SchemaBuilder.array(schema(node.get("valueSchema")));
            case MAP -> SchemaBuilder.map(schema(node.get("keySchema")), schema(node.get("valueSchema")));
            default -> new SchemaBuilder(type);
        };
        if (node.path("optional").asBoolean())
            builder.optional();
        if (node.hasNonNull("name"))
            builder.name(node.get("name").asText());
        if (node.hasNonNull("version"))
            builder.version(node.get("version").asInt());
        if (node.hasNonNull("doc"))
            builder.doc(node.get("doc").asText());
        if (node.hasNonNull("parameters"))
            node.get("parameters").fields().forEachRemaining(e -> builder.parameter(e.getKey(), e.getValue().asText()));
        if (node.has("fields"))
            for (JsonNode field : node.get("fields"))
                builder.field(field.get("name").asText(), schema(field.get("schema")));
        if (node.hasNonNull("default"))
            builder.defaultValue(value(node.get("default"), builder.build()));
        return builder.build();
    }

    private static JsonNode shown(Schema schema) {
        if (schema == null)
            return JSON.nullNode();
        ObjectNode node = JSON.createObjectNode();
        node.put("type", schema.type().getName());
        if (schema.isOptional())
            node.put("optional", true);
        if (schema.name() != null)
            node.put("name", schema.name());
        if (schema.version() != null)
            node.put("version", schema.version());
        if (schema.doc() != null)
            node.put("doc", schema.doc());
        if (schema.parameters() != null && !schema.parameters().isEmpty())
            schema.parameters().forEach(node.putObject("parameters")::put);
        if (schema.defaultValue() != null)
            node.set("default", shown(schema.defaultValue(), schema));
        if (schema.type() == Schema.Type.STRUCT) {
            ArrayNode fields = node.putArray("fields");
            for (Field field : schema.fields())
                fields.addObject().put("name", field.name()).set("schema", shown(field.schema()));
        }
        if (schema.type() == Schema.Type.ARRAY || schema.type() == Schema.Type.MAP)
            node.set("valueSchema", shown(schema.valueSchema()));
        if (schema.type() == Schema.Type.MAP)
            node.set("keySchema", shown(schema.keySchema()));
        return node;
    }

    private static Object value(JsonNode node, Schema schema) {
        if (node == null || node.isNull())
            return null;
        JsonNode v = node.get("v");
        switch (node.get("$type").asText()) {
            case "boolean": return v.asBoolean();
            case "int8": return (byte) v.asInt();
            case "int16": return (short) v.asInt();
            case "int32": return v.asInt();
            case "int64": return v.asLong();
            case "float32": return Float.valueOf(v.asText());
            case "float64": return Double.valueOf(v.asText());
            case "string": return v.asText();
            case "bytes": return Base64.getDecoder().decode(v.asText());
            case "bytebuffer": return ByteBuffer.wrap(Base64.getDecoder().decode(v.asText()));
            case "decimal": return new BigDecimal(new BigInteger(node.get("unscaled").asText()), node.get("scale").asInt());
            case "date": return new Date(node.get("ms").asLong());
            case "array": {
                List<Object> items = new ArrayList<>();
                for (JsonNode item : v)
                    items.add(value(item, schema == null ? null : schema.valueSchema()));
                return items;
            }
            case "map": {
                Map<Object, Object> map = new LinkedHashMap<>();
                for (JsonNode pair : v)
                    map.put(value(pair.get(0), schema == null ? null : schema.keySchema()),
                        value(pair.get(1), schema == null ? null : schema.valueSchema()));
                return map;
            }
            case "struct": {
                Struct struct = new Struct(schema);
                v.fields().forEachRemaining(e -> struct.put(e.getKey(), value(e.getValue(), schema.field(e.getKey()).schema())));
                return struct;
            }
            default: throw new IllegalArgumentException("no such type: " + node);
        }
    }

    private static JsonNode shown(Object value, Schema schema) {
        if (value == null)
            return JSON.nullNode();
        ObjectNode node = JSON.createObjectNode();
        if (value instanceof Boolean b) return node.put("$type", "boolean").put("v", b);
        if (value instanceof Byte n) return node.put("$type", "int8").put("v", n);
        if (value instanceof Short n) return node.put("$type", "int16").put("v", n);
        if (value instanceof Integer n) return node.put("$type", "int32").put("v", n);
        if (value instanceof Long n) return node.put("$type", "int64").put("v", n);
        if (value instanceof Float n) return node.put("$type", "float32").put("v", n.toString());
        if (value instanceof Double n) return node.put("$type", "float64").put("v", n.toString());
        if (value instanceof String s) return node.put("$type", "string").put("v", s);
        if (value instanceof byte[] b) return node.put("$type", "bytes").put("v", Base64.getEncoder().encodeToString(b));
        if (value instanceof ByteBuffer b)
            return node.put("$type", "bytebuffer").put("v", Base64.getEncoder().encodeToString(b.array()));
        if (value instanceof BigDecimal d)
            return node.put("$type", "decimal").put("unscaled", d.unscaledValue().toString()).put("scale", d.scale());
        if (value instanceof Date d) return node.put("$type", "date").put("ms", d.getTime());
        if (value instanceof List<?> list) {
            ArrayNode items = node.put("$type", "array").putArray("v");
            list.forEach(item -> items.add(shown(item, schema == null ? null : schema.valueSchema())));
            return node;
        }
        if (value instanceof Map<?, ?> map) {
            ArrayNode pairs = node.put("$type", "map").putArray("v");
            map.forEach((k, v) -> pairs.addArray().add(shown(k, schema == null ? null : schema.keySchema()))
                .add(shown(v, schema == null ? null : schema.valueSchema())));
            return node;
        }
        if (value instanceof Struct struct) {
            ObjectNode members = node.put("$type", "struct").putObject("v");
            for (Field field : struct.schema().fields())
                members.set(field.name(), shown(struct.getWithoutDefault(field.name()), field.schema()));
            if (!Objects.equals(struct.schema(), schema))
                node.set("schema", shown(struct.schema()));
            return node;
        }
        return node.put("$type", "object").put("class", value.getClass().getName()).put("v", value.toString());
    }
}
