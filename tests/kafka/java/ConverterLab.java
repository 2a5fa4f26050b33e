import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;
import org.apache.kafka.connect.storage.StringConverter;

/**
 * Drives Kafka Connect's own converters for the tests: a JSON command a line on stdin, a JSON text a line on stdout.
 *
 * <p>A command is {"do": name, "data": base64}. What comes back is schema and value in the notation of
 * tests/support/notation.py, or the text that was written, or "! message".
 */
public class ConverterLab {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final JsonConverter enveloped = json("schemas.enable", "true");
    private final JsonConverter schemaless = json("schemas.enable", "false");
    private final JsonConverter numeric = json("decimal.format", "NUMERIC");
    private final StringConverter text = new StringConverter();
    private final SimpleHeaderConverter header = new SimpleHeaderConverter();

    public static void main(String[] args) throws Exception {
        ConverterLab lab = new ConverterLab();
        lab.text.configure(new HashMap<>(), false);
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            JsonNode command = JSON.readTree(line);
            answers.println(JSON.writeValueAsString(lab.answer(command.get("do").asText(), command.get("data").binaryValue())));
        }
        answers.flush();
    }

    private String answer(String what, byte[] data) {
        try {
            switch (what) {
                case "header":
                    return noted(header.toConnectHeader("t", "h", data));
                case "schemaless":
                    return noted(schemaless.toConnectData("t", data));
                case "envelope":
                    return noted(enveloped.toConnectData("t", data));
                default:
                    return written(what, enveloped.toConnectData("t", data));
            }
        } catch (DataException e) {
            return "! " + e.getMessage();
        }
    }

    private String written(String what, SchemaAndValue read) {
        Schema schema = read.schema();
        Object value = read.value();
        byte[] out;
        switch (what) {
            case "json":
                out = enveloped.fromConnectData("t", schema, value);
                break;
            case "numeric":
                out = numeric.fromConnectData("t", schema, value);
                break;
            case "text":
                out = text.fromConnectData("t", schema, value);
                break;
            case "header-text":
                out = header.fromConnectHeader("t", "h", schema, value);
                break;
            default:
                throw new IllegalArgumentException(what);
        }
        return out == null ? null : new String(out, StandardCharsets.UTF_8);
    }

    private static JsonConverter json(String key, String value) {
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of(key, value), false);
        return converter;
    }

    private static String noted(SchemaAndValue found) {
        return found == null ? "null" : schema(found.schema()) + " " + value(found.value());
    }

    private static String schema(Schema schema) {
        if (schema == null) {
            return "-";
        }
        StringBuilder out = new StringBuilder(schema.type().getName()).append(schema.isOptional() ? "?" : "");
        if (schema.name() != null) {
            out.append('<').append(schema.name()).append('>');
        }
        if (schema.version() != null) {
            out.append('v').append(schema.version());
        }
        if (schema.parameters() != null) {
            out.append(new TreeMap<>(schema.parameters()));
        }
        if (schema.defaultValue() != null) {
            out.append('=').append(value(schema.defaultValue()));
        }
        if (schema.type() == Schema.Type.STRUCT) {
            List<String> fields = new ArrayList<>();
            for (Field field : schema.fields()) {
                fields.add(field.name() + ":" + schema(field.schema()));
            }
            out.append('{').append(String.join(",", fields)).append('}');
        } else if (schema.type() == Schema.Type.ARRAY) {
            out.append('[').append(schema(schema.valueSchema())).append(']');
        } else if (schema.type() == Schema.Type.MAP) {
            out.append('(').append(schema(schema.keySchema())).append(',').append(schema(schema.valueSchema())).append(')');
        }
        return out.toString();
    }

    private static String value(Object value) {
        if (value instanceof Float || value instanceof Double) {
            return "F" + Long.toHexString(Double.doubleToLongBits(((Number) value).doubleValue()));
        } else if (value instanceof BigDecimal) {
            return "B" + ((BigDecimal) value).unscaledValue() + "e" + ((BigDecimal) value).scale();
        } else if (value instanceof java.util.Date) {
            return "D" + ((java.util.Date) value).getTime();
        } else if (value instanceof byte[]) {
            return "b" + Base64.getEncoder().encodeToString((byte[]) value);
        } else if (value instanceof String) {
            return "'" + value + "'";
        } else if (value instanceof List) {
            List<String> items = new ArrayList<>();
            ((List<?>) value).forEach(item -> items.add(value(item)));
            return "[" + String.join(",", items) + "]";
        } else if (value instanceof Map) {
            List<String> entries = new ArrayList<>();
            ((Map<?, ?>) value).forEach((key, item) -> entries.add(value(key) + ":" + value(item)));
            return sorted(entries);
        } else if (value instanceof Struct) {
            List<String> entries = new ArrayList<>();
            Struct struct = (Struct) value;
            struct.schema().fields().forEach(f -> entries.add("'" + f.name() + "':" + value(struct.getWithoutDefault(f.name()))));
            return sorted(entries);
        }
        return String.valueOf(value);
    }

    private static String sorted(List<String> entries) {
        entries.sort(null);
        return "{" + String.join(",", entries) + "}";
    }
}
