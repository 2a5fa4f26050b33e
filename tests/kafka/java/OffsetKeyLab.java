import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.json.JsonConverter;

/**
 * The keys that Kafka Connect writes source offsets under, as OffsetStorageWriter makes them.
 *
 * A line is a JSON array of a connector's name and a source partition, whose members go into a HashMap one by one; the
 * answer is the key in base64.
 */
public class OffsetKeyLab {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        ObjectMapper mapper = new ObjectMapper();
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", "false"), true);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<?> named = mapper.readValue(line, List.class);
            Map<Object, Object> partition = new HashMap<>();
            ((Map<?, ?>) named.get(1)).forEach(partition::put);
            String name = (String) named.get(0);
            byte[] key = converter.fromConnectData(name, null, List.of(name, partition));
            out.println(Base64.getEncoder().encodeToString(key));
        }
        out.flush();
    }
}
