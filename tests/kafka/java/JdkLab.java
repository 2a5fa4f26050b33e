import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Answers what the Java class library says, a line for a line. Needs no Kafka.
 *
 *   regex PATTERN TEXT REPLACEMENT   in base64: whether the whole text matches, where it is found first, its groups, and
 *                                    what replaceFirst makes of it; or "error" with the first line of the message
 *   double BITS, float BITS          Double.toString and Float.toString of a value, by its bits in hexadecimal
 */
public class JdkLab {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ", -1);
            out.println(switch (words[0]) {
                case "regex" -> regex(decoded(words[1]), decoded(words[2]), decoded(words[3]));
                case "double" -> Double.toString(Double.longBitsToDouble(Long.parseUnsignedLong(words[1], 16)));
                case "float" -> Float.toString(Float.intBitsToFloat(Integer.parseUnsignedInt(words[1], 16)));
                default -> throw new IllegalArgumentException(line);
            });
        }
        out.flush();
    }

    private static String regex(String pattern, String text, String replacement) {
        List<String> answer = new ArrayList<>();
        try {
            Matcher matcher = Pattern.compile(pattern).matcher(text);
            answer.add(String.valueOf(matcher.matches()));
            matcher.reset();
            boolean found = matcher.find();
            answer.add(String.valueOf(found));
            for (int group = 0; found && group <= matcher.groupCount(); group++) {
                answer.add(matcher.group(group) == null ? "null" : "=" + encoded(matcher.group(group)));
            }
        } catch (RuntimeException | StackOverflowError error) {
            return "error " + String.valueOf(error.getMessage()).split("\n")[0];
        }
        try {
            answer.add(">" + encoded(Pattern.compile(pattern).matcher(text).replaceFirst(replacement)));
        } catch (RuntimeException error) {
            answer.add("refused");
        }
        return String.join(" ", answer);
    }

    private static String decoded(String text) {
        return new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8);
    }

    private static String encoded(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }
}
