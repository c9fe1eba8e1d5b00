// Copies a topic into another exactly once with Flink: its Kafka source up to the end as it is at
// the start, checkpoints twice a second, a failure in the middle, its Kafka sink with transactions.
//
//     java -cp FLINK FlinkCopy HOST:PORT FROM TO FAIL_AT    (compiled first: Flink sends classes
//     on)
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

public class FlinkCopy {
  static final AtomicInteger seen = new AtomicInteger();
  static final AtomicBoolean failed = new AtomicBoolean();

  // Static state stays when Flink begins again: it fails once.
  static class SlowAndFailing implements MapFunction<String, String> {
    final int failAt;

    SlowAndFailing(int failAt) {
      this.failAt = failAt;
    }

    @Override
    public String map(String value) throws Exception {
      int number = seen.incrementAndGet();
      if (number % 4 == 0)
        Thread.sleep(5);
      if (number >= failAt && failed.compareAndSet(false, true)) {
        throw new RuntimeException("as planned");
      }
      return value;
    }
  }

  public static void main(String[] args) throws Exception {
    Configuration settings = new Configuration();
    settings.setString("restart-strategy.type", "fixed-delay");
    settings.setString("restart-strategy.fixed-delay.attempts", "3");
    settings.setString("restart-strategy.fixed-delay.delay", "1 s");
    settings.setString("taskmanager.memory.network.min", "16 mb");
    settings.setString("taskmanager.memory.network.max", "16 mb");
    settings.setString("taskmanager.memory.managed.size", "16 mb");
    StreamExecutionEnvironment job = StreamExecutionEnvironment.createLocalEnvironment(2, settings);
    job.enableCheckpointing(500);

    KafkaSource<String> source = KafkaSource.<String>builder()
                                     .setBootstrapServers(args[0])
                                     .setTopics(args[1])
                                     .setGroupId("flink-" + args[1])
                                     .setStartingOffsets(OffsetsInitializer.earliest())
                                     .setBounded(OffsetsInitializer.latest())
                                     .setProperty("commit.offsets.on.checkpoint", "true")
                                     .setValueOnlyDeserializer(new SimpleStringSchema())
                                     .build();
    KafkaSink<String> sink =
        KafkaSink.<String>builder()
            .setBootstrapServers(args[0])
            .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
            .setTransactionalIdPrefix("copy-" + args[2])
            .setProperty("transaction.timeout.ms", "60000")
            .setRecordSerializer(KafkaRecordSerializationSchema.builder()
                                     .setTopic(args[2])
                                     .setValueSerializationSchema(new SimpleStringSchema())
                                     .build())
            .build();
    job.fromSource(source, WatermarkStrategy.noWatermarks(), "from")
        .map(new SlowAndFailing(Integer.parseInt(args[3])))
        .sinkTo(sink);
    job.execute("copy");
    System.out.println("ok: " + seen.get() + " records seen, failed: " + failed.get());
  }
}
