import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.kafka.tools.DumpLogSegments;

/**
 * Runs Kafka's dump tool again and again in one JVM, whose start takes longer than what it is asked.
 *
 * <p>A line on stdin is one run: its arguments with a unit separator (U+001F) between them. The answer is a line on
 * stdout: "ended" or "failed", and in base64 what the run printed, stderr with stdout, a failure's stack trace at the end.
 */
public class DumpLab {
    public static void main(String[] arguments) throws Exception {
        PrintStream answers = System.out;
        BufferedReader runs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = runs.readLine(); line != null; line = runs.readLine()) {
            ByteArrayOutputStream printed = new ByteArrayOutputStream();
            String how = run(line.split("\u001f", -1), new PrintStream(printed, true, "UTF-8"));
            answers.println(how + " " + Base64.getEncoder().encodeToString(printed.toByteArray()));
            answers.flush();
        }
    }

    private static String run(String[] arguments, PrintStream out) {
        PrintStream stdout = System.out;
        PrintStream stderr = System.err;
        System.setOut(out);
        System.setErr(out);
        try {
            DumpLogSegments.main(arguments);
            return "ended";
        } catch (Throwable error) {
            error.printStackTrace(out);
            return "failed";
        } finally {
            System.setOut(stdout);
            System.setErr(stderr);
        }
    }
}
