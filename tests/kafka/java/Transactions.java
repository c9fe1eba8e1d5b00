// Transactions with the Java client. Which of the two protocols it speaks is its version's choice:
// libraries of Kafka 4 take the second (an epoch for each transaction, KIP-890), those before the
// first.
//
//     java -cp KAFKA_CLIENTS Transactions.java HOST:PORT
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Transactions {
  static final int PARTITIONS = 3;
  static final int INPUTS = 900;
  static final Duration READ_MAX = Duration.ofSeconds(30);

  static String bootstrap;

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    committedAndAborted();
    fencedByASecond();
    endedByItsTimeout();
    deadMembersOffsets();
    for (String protocol : System.getProperty("protocols", "classic,consumer").split(",")) {
      readTransformWrite(protocol);
    }
    System.out.println("ok");
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

  static KafkaProducer<String, String> producer(String id, Object... more) {
    Properties properties = settings(more);
    properties.put("transactional.id", id);
    KafkaProducer<String, String> producer =
        new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
    producer.initTransactions();
    return producer;
  }

  static KafkaConsumer<String, String> consumer(Object... more) {
    Properties properties = settings(more);
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", "false");
    properties.putIfAbsent("isolation.level", "read_committed");
    return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
  }

  static String newTopic() throws Exception {
    String name = "java-txn-" + UUID.randomUUID();
    try (AdminClient admin = AdminClient.create(settings())) {
      admin.createTopics(List.of(new NewTopic(name, PARTITIONS, (short) 1))).all().get();
    }
    return name;
  }

  // The values of a topic up to its end as this isolation level sees it, by partition.
  static List<List<String>> read(String topic, String isolation) {
    List<List<String>> found = new ArrayList<>();
    List<TopicPartition> places = new ArrayList<>();
    for (int i = 0; i < PARTITIONS; i++) {
      places.add(new TopicPartition(topic, i));
      found.add(new ArrayList<>());
    }
    try (KafkaConsumer<String, String> consumer = consumer("isolation.level", isolation)) {
      consumer.assign(places);
      Map<TopicPartition, Long> ends = consumer.endOffsets(places);
      long until = System.nanoTime() + READ_MAX.toNanos();
      while (ends.entrySet().stream().anyMatch(e -> consumer.position(e.getKey()) < e.getValue())) {
        check(System.nanoTime() < until, "read up to " + ends);
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
          found.get(record.partition()).add(record.value());
        }
      }
    }
    return found;
  }

  static void send(KafkaProducer<String, String> producer, String topic, String value) {
    for (int i = 0; i < PARTITIONS; i++) producer.send(new ProducerRecord<>(topic, i, null, value));
  }

  static void committedAndAborted() throws Exception {
    String topic = newTopic();
    List<String> committed = new ArrayList<>();
    List<String> all = new ArrayList<>();
    try (KafkaProducer<String, String> producer = producer(topic)) {
      for (int i = 0; i < 20; i++) {
        producer.beginTransaction();
        send(producer, topic, "" + i);
        all.add("" + i);
        producer.flush();
        if (i % 3 == 1) {
          producer.abortTransaction();
        } else {
          producer.commitTransaction();
          committed.add("" + i);
        }
      }
      producer.beginTransaction();
      send(producer, topic, "open");
      producer.flush();
      // Not above the first open transaction, and then what is not committed only to those who ask.
      for (List<String> values : read(topic, "read_committed")) {
        check(values.equals(committed), "committed: " + values);
      }
      producer.abortTransaction();
    }
    all.add("open");
    for (List<String> values : read(topic, "read_uncommitted")) {
      check(values.equals(all), "all: " + values);
    }
  }

  static boolean isFenced(Throwable e) {
    while (e != null
        && !(e instanceof ProducerFencedException || e instanceof InvalidProducerEpochException)) {
      e = e.getCause();
    }
    return e != null;
  }

  static void expectFenced(Runnable action, String what) {
    try {
      action.run();
    } catch (KafkaException e) {
      check(isFenced(e), what + ": " + e);
      return;
    }
    check(false, what + " is fenced");
  }

  static void fencedByASecond() throws Exception {
    String topic = newTopic();
    KafkaProducer<String, String> first = producer(topic);
    first.beginTransaction();
    send(first, topic, "of the first");
    first.flush();
    try (KafkaProducer<String, String> second = producer(topic)) {
      expectFenced(first::commitTransaction, "the first");
      first.close();
      second.beginTransaction();
      send(second, topic, "of the second");
      second.commitTransaction();
    }
    for (List<String> values : read(topic, "read_committed")) {
      check(values.equals(List.of("of the second")), "after fencing: " + values);
    }
  }

  static void endedByItsTimeout() throws Exception {
    String topic = newTopic();
    KafkaProducer<String, String> slow = producer(topic, "transaction.timeout.ms", "1000");
    slow.beginTransaction();
    send(slow, topic, "too slow");
    slow.flush();
    try (KafkaProducer<String, String> other = producer(topic + "-other")) {
      other.beginTransaction();
      send(other, topic, "behind it");
      other.commitTransaction();
    }
    long until = System.nanoTime() + READ_MAX.toNanos();
    while (!read(topic, "read_committed").get(0).equals(List.of("behind it"))) {
      check(System.nanoTime() < until, "the server ends a transaction after its timeout");
      Thread.sleep(200);
    }
    try {
      slow.commitTransaction();
      check(false, "what the server ended is committed");
    } catch (KafkaException e) { // fenced, or (second protocol) nothing there to commit
      slow.close();
    }
  }

  // Offsets that a member sends which is no longer of the group are refused (KIP-447).
  static void deadMembersOffsets() throws Exception {
    String topic = newTopic();
    try (KafkaProducer<String, String> producer = producer(topic)) {
      producer.beginTransaction();
      send(producer, topic, "x");
      producer.commitTransaction();
      ConsumerGroupMetadata gone;
      try (KafkaConsumer<String, String> consumer = consumer("group.id", topic)) {
        consumer.subscribe(List.of(topic));
        while (consumer.poll(Duration.ofMillis(100)).isEmpty()) {
        }
        gone = consumer.groupMetadata();
      }
      producer.beginTransaction();
      try {
        producer.sendOffsetsToTransaction(
            Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(1)), gone);
        producer.commitTransaction();
        check(false, "offsets of a member that left are refused");
      } catch (CommitFailedException e) {
        producer.abortTransaction();
      }
      // The producer itself is well.
      producer.beginTransaction();
      send(producer, topic, "y");
      producer.commitTransaction();
    }
    check(read(topic, "read_committed").get(0).equals(List.of("x", "y")), "after an abort");
  }

  static void readTransformWrite(String protocol) throws Exception {
    String from = newTopic();
    String to = newTopic();
    try (KafkaProducer<String, String> producer =
             new KafkaProducer<>(settings(), new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < INPUTS; i++) {
        producer.send(new ProducerRecord<>(from, i % PARTITIONS, null, "" + i));
      }
    }
    Object[] group = {"group.id", from, "max.poll.records", "50"};
    if (protocol.equals("consumer")) {
      group = new Object[] {"group.id", from, "max.poll.records", "50", "group.protocol", protocol};
    }
    int done = 0;
    int step = 0;
    try (KafkaProducer<String, String> producer = producer(to);
         KafkaConsumer<String, String> consumer = consumer(group)) {
      consumer.subscribe(List.of(from));
      long until = System.nanoTime() + 2 * READ_MAX.toNanos();
      while (done < INPUTS) {
        check(System.nanoTime() < until, "done with " + done);
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
        if (records.isEmpty())
          continue;
        producer.beginTransaction();
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (ConsumerRecord<String, String> record : records) {
          producer.send(new ProducerRecord<>(to, record.partition(), null, record.value()));
          offsets.put(new TopicPartition(from, record.partition()),
              new OffsetAndMetadata(record.offset() + 1));
        }
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        if (step++ % 4 == 2) {
          producer.abortTransaction();
          Map<TopicPartition, OffsetAndMetadata> committed =
              consumer.committed(new HashSet<>(consumer.assignment()));
          for (TopicPartition place : consumer.assignment()) {
            OffsetAndMetadata at = committed.get(place);
            consumer.seek(place, at == null ? 0 : at.offset());
          }
        } else {
          producer.commitTransaction();
          done += records.count();
        }
      }
      Set<TopicPartition> owned = consumer.assignment();
      consumer.committed(owned).forEach(
          (place, at) -> check(at.offset() == INPUTS / PARTITIONS, place + " at " + at));
    }
    List<List<String>> found = read(to, "read_committed");
    for (int i = 0; i < PARTITIONS; i++) {
      check(found.get(i).size() == INPUTS / PARTITIONS,
          "partition " + i + " has " + found.get(i).size());
      for (int j = 0; j < INPUTS / PARTITIONS; j++) {
        check(found.get(i).get(j).equals("" + (j * PARTITIONS + i)), "record " + j + " of " + i);
      }
    }
  }
}
