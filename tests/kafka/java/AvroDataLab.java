import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.apicurio.registry.serde.avro.NonRecordContainer;
import io.apicurio.registry.utils.converter.avro.AvroData;
import io.apicurio.registry.utils.converter.avro.AvroDataConfig;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Iterator;
import java.util.Map;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;

/**
 * Drives AvroData of Apicurio's converter, which is Confluent's, for the tests: a JSON command a line on stdin, a JSON
 * object a line on stdout.
 *
 * <p>{"options": {..}, "value": envelope of JsonConverter} is written: {"schema": Avro's, "bytes": base64}.
 * {"options": {..}, "schema": Avro's, "bytes": base64} is read: {"value": envelope}. What fails is {"error": message}.
 */
public class AvroDataLab {
    private static final ObjectMapper JSON = new ObjectMapper();
    private final JsonConverter envelopes = new JsonConverter();

    public static void main(String[] args) throws Exception {
        AvroDataLab lab = new AvroDataLab();
        lab.envelopes.configure(Map.of("schemas.enable", "true", "replace.null.with.default", "false"), false);
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            ObjectNode answer = JSON.createObjectNode();
            try {
                lab.answer(JSON.readTree(line), answer);
            } catch (Exception | StackOverflowError e) {
                answer.put("error", String.valueOf(e.getMessage()));
            }
            answers.println(JSON.writeValueAsString(answer));
        }
        answers.flush();
    }

    private void answer(JsonNode command, ObjectNode answer) throws Exception {
        AvroData data = data(command.get("options"));
        if (command.has("value")) {
            byte[] envelope = JSON.writeValueAsBytes(command.get("value"));
            SchemaAndValue given = envelopes.toConnectData("t", envelope);
            org.apache.avro.Schema schema = data.fromConnectSchema(given.schema());
            answer.put("schema", schema.toString());
            Object made = data.fromConnectData(given.schema(), given.value());
            Object datum = made instanceof NonRecordContainer ? ((NonRecordContainer) made).getValue() : made;
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
            new GenericDatumWriter<Object>(schema).write(datum, encoder);
            encoder.flush();
            answer.put("bytes", Base64.getEncoder().encodeToString(out.toByteArray()));
        } else {
            org.apache.avro.Schema schema = new org.apache.avro.Schema.Parser().parse(command.get("schema").asText());
            byte[] bytes = command.get("bytes").binaryValue();
            Object datum = new GenericDatumReader<Object>(schema).read(null, DecoderFactory.get().binaryDecoder(bytes, null));
            SchemaAndValue found = data.toConnectData(schema, datum);
            if (found == null) { // a null, which has no schema
                answer.putNull("value");
                return;
            }
            answer.set("value", JSON.readTree(envelopes.fromConnectData("t", found.schema(), found.value())));
        }
    }

    private static AvroData data(JsonNode options) throws Exception {
        AvroData data = new AvroData(new AvroDataConfig(Map.of()));
        for (Iterator<Map.Entry<String, JsonNode>> each = options.fields(); each.hasNext(); ) {
            Map.Entry<String, JsonNode> option = each.next();
            // Confluent's keys for these are left out of Apicurio's config, and not of its code.
            java.lang.reflect.Field field = AvroData.class.getDeclaredField(option.getKey());
            field.setAccessible(true);
            field.set(data, option.getValue().asBoolean());
        }
        return data;
    }
}
