import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.ParsedSchema;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.avro.AvroSchema;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.avro.AvroSchemaProvider;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.CachedSchemaRegistryClient;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.Config;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.Metadata;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.Rule;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.RuleKind;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.RuleMode;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.RuleSet;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.SchemaReference;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException;

/**
 * What Confluent's client in Java says of a registry: a line "NAME: ANSWER" for each question, in this order.
 *
 * <p>A refusal is "status, code". The registry's address is the argument, and it must be empty.
 */
public final class SchemaClientLab {
  private static final String MONEY =
      "{\"type\":\"record\",\"name\":\"Money\",\"fields\":[{\"name\":\"n\",\"type\":\"int\"}]}";

  public static void main(String[] arguments) {
    CachedSchemaRegistryClient client = client(arguments[0]);
    CachedSchemaRegistryClient other = client(arguments[0]);
    AvroSchema first = new AvroSchema(record("string", ""));
    AvroSchema second = new AvroSchema(record("string", ",{\"name\":\"b\",\"type\":\"int\",\"default\":0}"));
    AvroSchema third = new AvroSchema(record("int", ""));

    say("registered", () -> client.register("orders", first));
    say("a second version", () -> client.register("orders", second));
    say("once more", () -> client.register("orders", second, true));
    say("an incompatible one", () -> client.register("orders", third));
    say("whether it fits", () -> client.testCompatibility("orders", third));
    say("why not", () -> client.testCompatibilityVerbose("orders", third).get(0).contains("TYPE_MISMATCH"));
    say("its id", () -> other.getId("orders", first));
    say("its version", () -> other.getVersion("orders", second));
    say("versions", () -> other.getAllVersions("orders"));
    say("latest", () -> other.getLatestSchemaMetadata("orders").getVersion());
    say("by id", () -> other.getSchemaById(1).equals(first));
    say("subjects of an id", () -> other.getAllSubjectsById(1));
    say("versions of an id", () -> List.copyOf(other.getAllVersionsById(2)).get(0).getVersion());
    say("all schemas", () -> other.getSchemas("ord", false, false).size());
    say("no id", () -> other.getSchemaById(999));
    say("no subject", () -> other.getLatestSchemaMetadata("nobodys"));

    SchemaReference reference = new SchemaReference("Money", "money", 1);
    String bill = "{\"type\":\"record\",\"name\":\"Bill\",\"fields\":[{\"name\":\"m\",\"type\":\"Money\"}]}";
    say("referred to", () -> client.register("money", new AvroSchema(MONEY)));
    say("refers",
        () -> client.register("bill", new AvroSchema(bill, List.of(reference), Map.of("Money", MONEY), null)));
    say("resolved", () -> ((AvroSchema) other.getSchemaById(4)).rawSchema().getField("m").schema().getName());
    say("deletes what is referred to", () -> client.deleteSubject("money"));

    Metadata metadata = new Metadata(Map.of("a", Set.of("PII")), Map.of("owner", "me"), Set.of("owner"));
    Rule rule = new Rule("enc", "doc", RuleKind.TRANSFORM, RuleMode.WRITEREAD, "ENCRYPT", Set.of("PII"),
        Map.of("k", "v"), null, null, "ERROR,NONE", false);
    ParsedSchema ruled = first.copy(metadata, new RuleSet(List.of(), List.of(rule)));
    say("with rules", () -> client.register("ruled", ruled));
    say("the same rules", () -> {
      ParsedSchema read = other.getSchemaBySubjectAndId("ruled", 5);
      return read.metadata().equals(ruled.metadata()) && read.ruleSet().equals(ruled.ruleSet());
    });
    say("by metadata", () -> other.getLatestWithMetadata("ruled", Map.of("owner", "me"), false).getVersion());

    say("its level", () -> client.getCompatibility("orders"));
    say("a new level", () -> client.updateCompatibility("orders", "FULL"));
    say("a config", () -> {
      Config config = new Config("NONE");
      config.setNormalize(true);
      config.setCompatibilityGroup("major");
      return client.updateConfig("orders", config).equals(other.getConfig("orders"));
    });
    say("the level again", () -> other.getCompatibility("orders"));
    say("mode", () -> client.getMode());
    say("import", () -> client.setMode("IMPORT", "imported"));
    say("with an id", () -> client.register("imported", first, 7, 5000));
    say("in a context", () -> client.register(":.ctx:orders", first));

    say("deletes a version", () -> client.deleteSchemaVersion("orders", "1"));
    say("deletes a subject", () -> client.deleteSubject("orders"));
    say("for good", () -> client.deleteSubject("orders", true));
    say("subjects", () -> other.getAllSubjects(true));
    System.exit(0);
  }

  private static CachedSchemaRegistryClient client(String url) {
    return new CachedSchemaRegistryClient(List.of(url), 100, List.of(new AvroSchemaProvider()), Map.of(), Map.of());
  }

  private static String record(String type, String more) {
    return "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"" + type + "\"}" + more + "]}";
  }

  private static void say(String name, Callable<?> question) {
    String answer;
    try {
      answer = String.valueOf(question.call());
    } catch (RestClientException refusal) {
      answer = refusal.getStatus() + ", " + refusal.getErrorCode();
    } catch (Exception error) {
      answer = error.toString();
    }
    System.out.println(name + ": " + answer.replace('\n', ' '));
  }
}
