// Prints the error codes of Apache Kafka's client library, their names and whether clients retry;
// then reads lines of NAME VERSION HEX with its message classes, writes each message again and says
// which bytes differ.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

public class VerifyKafkaMessages {
  static Class<?> messageClass(String name) throws ClassNotFoundException {
    String full = "org.apache.kafka.common.message." + name;
    try {
      return Class.forName(full + "Data");
    } catch (ClassNotFoundException e) {
      return Class.forName(full);
    }
  }

  public static void main(String[] arguments) throws Exception {
    for (Errors error : Errors.values()) {
      boolean retriable = error.exception() instanceof RetriableException;
      System.out.println(error.code() + " " + error.name() + " " + retriable);
    }
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    int same = 0;
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (line.startsWith("#")) continue;
      String[] words = line.split(" ", -1);
      short version = Short.parseShort(words[1]);
      ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(words[2]));
      Message message = (Message) messageClass(words[0])
          .getConstructor(org.apache.kafka.common.protocol.Readable.class, short.class)
          .newInstance(new ByteBufferAccessor(bytes), version);
      ByteBuffer again = MessageUtil.toByteBufferAccessor(message, version).buffer();
      if (bytes.hasRemaining() || !again.equals(bytes.rewind())) {
        System.out.println("differs: " + words[0] + " " + version);
      } else {
        ++same;
      }
    }
    System.out.println("same: " + same);
  }
}
