import io.apicurio.registry.utils.converter.AvroConverter;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;

/**
 * Apicurio's own AvroConverter beside a registry: prints, as hex, a record that it registers a schema for, one that it
 * finds the latest schema for, one whose schema it looks up, and then the value of the record that is its argument.
 * Then, as a worker has it: a record with the headers that it gets, and the value of a record with such headers.
 *
 * <p>Arguments: the registry's address, a record as hex, and the id of its schema in a header as hex.
 */
public class ApicurioConverterLab {
    public static void main(String[] args) {
        Schema schema = SchemaBuilder.struct().name("shop.Order").field("id", Schema.INT32_SCHEMA).build();
        AvroConverter converter = null;
        for (String key : new String[] {"auto-register", "find-latest", "headers.enabled"}) {
            Map<String, Object> config = new HashMap<>();
            config.put("apicurio.registry.url", args[0]);
            config.put("apicurio.registry." + key, "true");
            converter = new AvroConverter();
            converter.configure(config, false);
            byte[] record = converter.fromConnectData("orders", schema, new Struct(schema).put("id", 5));
            System.out.println(HexFormat.of().formatHex(record));
        }
        System.out.println(converter.toConnectData("orders", HexFormat.of().parseHex(args[1])).value());
        RecordHeaders headers = new RecordHeaders();
        byte[] bare = converter.fromConnectData("orders", headers, schema, new Struct(schema).put("id", 5));
        System.out.println(HexFormat.of().formatHex(bare));
        for (Header header : headers) {
            System.out.println(header.key() + " " + HexFormat.of().formatHex(header.value()));
        }
        byte[] id = HexFormat.of().parseHex(args[2]);
        RecordHeaders ours = new RecordHeaders();
        ours.add("apicurio.value.globalId", id).add("apicurio.value.encoding", "BINARY".getBytes());
        System.out.println(converter.toConnectData("orders", ours, bare).value());
        System.exit(0);
    }
}
