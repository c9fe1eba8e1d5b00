// What Java's producers and consumers do every day, with what their library had since 2.1: every
// codec, acknowledgements, headers, timestamps, seeking, offsets by time, records too large.
//
//     java -cp KAFKA_CLIENTS ProduceAndConsume.java HOST:PORT
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class ProduceAndConsume {
  static final int RECORDS = 5000;
  // An hour ago: records older than the retention would not stay.
  static final long BEGIN_MS = System.currentTimeMillis() - 3_600_000;
  static final Duration READ_MAX = Duration.ofSeconds(30);

  static String bootstrap;

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      roundTrip(codec, "all");
    }
    for (String acks : List.of("0", "1")) {
      roundTrip("lz4", acks);
    }
    tooLarge();
    System.out.println("ok: 7 round trips of " + RECORDS + " records");
  }

  static void check(boolean holds, String what) {
    if (!holds)
      throw new AssertionError(what);
  }

  static Properties settings(Object... more) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    for (int i = 0; i < more.length; i += 2) properties.put(more[i], more[i + 1]);
    return properties;
  }

  static KafkaProducer<String, String> producer(Object... more) {
    return new KafkaProducer<>(settings(more), new StringSerializer(), new StringSerializer());
  }

  static String newTopic() throws Exception {
    String name = "java-" + UUID.randomUUID();
    try (AdminClient admin = AdminClient.create(settings())) {
      admin.createTopics(List.of(new NewTopic(name, 1, (short) 1))).all().get();
    }
    return name;
  }

  static void roundTrip(String codec, String acks) throws Exception {
    String topic = newTopic();
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (KafkaProducer<String, String> producer = producer("compression.type", codec, "acks", acks,
             "enable.idempotence", String.valueOf(acks.equals("all")), "linger.ms", "5")) {
      for (int i = 0; i < RECORDS; i++) {
        ProducerRecord<String, String> record = new ProducerRecord<>(
            topic, 0, BEGIN_MS + i, "key " + i, i % 7 == 0 ? null : "value " + i);
        record.headers().add("number", Integer.toString(i).getBytes());
        sent.add(producer.send(record));
      }
    }
    for (int i = 0; i < RECORDS && !acks.equals("0"); i++) {
      check(sent.get(i).get().offset() == i, "the offset of record " + i);
    }
    TopicPartition place = new TopicPartition(topic, 0);
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(
             settings("auto.offset.reset", "earliest", "max.partition.fetch.bytes", "20000"),
             new StringDeserializer(), new StringDeserializer())) {
      consumer.assign(List.of(place));
      readFrom(consumer, 0);
      consumer.seek(place, 1234); // in the middle of a batch
      readFrom(consumer, 1234);
      check(consumer.beginningOffsets(List.of(place)).get(place) == 0, "the first offset");
      check(consumer.endOffsets(List.of(place)).get(place) == RECORDS, "the end");
      Map<TopicPartition, OffsetAndTimestamp> found =
          consumer.offsetsForTimes(Collections.singletonMap(place, BEGIN_MS + 777));
      check(found.get(place).offset() == 777, "the offset of a time");
      found = consumer.offsetsForTimes(Collections.singletonMap(place, BEGIN_MS + RECORDS));
      check(found.get(place) == null, "no offset of a time to come");
    }
  }

  static void readFrom(KafkaConsumer<String, String> consumer, int first) {
    int next = first;
    long until = System.nanoTime() + READ_MAX.toNanos();
    while (next < RECORDS) {
      check(System.nanoTime() < until, "read up to " + next);
      for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
        check(record.offset() == next, "offset " + record.offset() + " after " + next);
        check(record.key().equals("key " + next), "the key");
        String value = next % 7 == 0 ? null : "value " + next;
        check(value == null ? record.value() == null : value.equals(record.value()), "the value");
        check(record.timestamp() == BEGIN_MS + next, "the timestamp");
        check(Arrays.equals(
                  record.headers().lastHeader("number").value(), Integer.toString(next).getBytes()),
            "the header");
        next += 1;
      }
    }
  }

  static void tooLarge() throws Exception {
    String topic = newTopic();
    try (KafkaProducer<String, String> producer =
             producer("max.request.size", "20000000", "buffer.memory", "40000000", "acks", "all")) {
      producer.send(new ProducerRecord<>(topic, "x".repeat(1_000_000))).get();
      try {
        producer.send(new ProducerRecord<>(topic, "x".repeat(3_000_000))).get();
        check(false, "a record of 3 MB is refused");
      } catch (ExecutionException e) {
        check(e.getCause() instanceof RecordTooLargeException, "refused with " + e.getCause());
      }
      check(producer.send(new ProducerRecord<>(topic, "small")).get().offset() == 1, "the next");
    }
  }
}
