// A group whose members come, go and restart: the partitions are shared without overlap, every
// record is read, and what is committed is where the group ends.
//
//     java -cp KAFKA_CLIENTS GroupMembers.java HOST:PORT PROTOCOL [ASSIGNOR]
//
// PROTOCOL: consumer (KIP-848; ASSIGNOR uniform or range) or classic (ASSIGNOR: a class).
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class GroupMembers {
  static final int PARTITIONS = 6;
  static final int RECORDS = 6000;
  static final Duration WAIT_MAX = Duration.ofSeconds(60);

  static String bootstrap;
  static String protocol;
  static String assignor;
  static final String topic = "java-group-" + UUID.randomUUID();
  static final String group = "group-" + topic;
  static final Set<String> seen = ConcurrentHashMap.newKeySet();

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    protocol = args[1];
    assignor = args.length > 2 ? args[2] : null;
    try (AdminClient admin = AdminClient.create(settings())) {
      admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1))).all().get();
    }
    produce(0);
    Member first = new Member(null);
    await(() -> first.owned.size() == PARTITIONS, "the first has all");
    Member second = new Member(null);
    Member third = new Member("third");
    await(() -> shared(first, second, third), "three share");
    produce(RECORDS);
    await(() -> seen.size() == 2 * RECORDS, "all is read");
    // A static member that comes back within its session finds its partitions again.
    Set<TopicPartition> before = third.owned;
    int rebalances = first.rebalances.get();
    third.end();
    Member again = new Member("third");
    await(() -> again.owned.equals(before), "a static member has its partitions again");
    check(first.rebalances.get() == rebalances, "no rebalance for a static member's restart");
    first.end();
    await(() -> shared(second, again), "two share what three had");
    produce(2 * RECORDS);
    await(() -> seen.size() == 3 * RECORDS, "all is read, again");
    second.end();
    again.end();
    for (long offset : committed().values()) {
      check(offset == 3 * RECORDS / PARTITIONS, "committed " + committed());
    }
    System.out.println("ok: " + seen.size() + " records, " + protocol + " " + assignor);
  }

  static void check(boolean holds, String what) {
    if (!holds)
      throw new AssertionError(what);
  }

  static void await(BooleanSupplier holds, String what) throws InterruptedException {
    long until = System.nanoTime() + WAIT_MAX.toNanos();
    while (!holds.getAsBoolean()) {
      check(System.nanoTime() < until, "in vain: " + what);
      Thread.sleep(20);
    }
  }

  static boolean shared(Member... members) {
    Set<TopicPartition> all = new HashSet<>();
    int owned = 0;
    for (Member member : members) {
      if (member.owned.size() != PARTITIONS / members.length)
        return false;
      all.addAll(member.owned);
      owned += member.owned.size();
    }
    return owned == PARTITIONS && all.size() == PARTITIONS;
  }

  static Properties settings(Object... more) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    for (int i = 0; i < more.length; i += 2) properties.put(more[i], more[i + 1]);
    return properties;
  }

  static void produce(int first) {
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(
             settings("acks", "all"), new StringSerializer(), new StringSerializer())) {
      for (int i = first; i < first + RECORDS; i++) {
        producer.send(new ProducerRecord<>(topic, i % PARTITIONS, null, "" + i));
      }
    }
  }

  static Map<TopicPartition, Long> committed() {
    Map<TopicPartition, Long> offsets = new HashMap<>();
    try (AdminClient admin = AdminClient.create(settings())) {
      Map<TopicPartition, OffsetAndMetadata> found =
          admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
      check(found.size() == PARTITIONS, "offsets of all partitions");
      found.forEach((place, offset) -> offsets.put(place, offset.offset()));
    } catch (Exception e) {
      throw new AssertionError(e);
    }
    return offsets;
  }

  static class Member extends Thread implements ConsumerRebalanceListener {
    final Properties properties =
        settings("group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", "false");
    final AtomicInteger rebalances = new AtomicInteger();
    volatile Set<TopicPartition> owned = Set.of();
    volatile boolean stopping = false;
    boolean uncommitted = false;
    volatile Throwable broke = null;

    Member(String instance) {
      if (instance != null)
        properties.put("group.instance.id", instance);
      if (protocol.equals("consumer")) {
        properties.put("group.protocol", "consumer");
        if (assignor != null)
          properties.put("group.remote.assignor", assignor);
      } else {
        properties.put("session.timeout.ms", "20000");
        properties.put("heartbeat.interval.ms", "500");
        if (assignor != null)
          properties.put("partition.assignment.strategy", assignor);
      }
      setDaemon(true);
      start();
    }

    @Override
    public void run() {
      try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(
               properties, new StringDeserializer(), new StringDeserializer())) {
        consumer.subscribe(List.of(topic), this);
        while (!stopping || uncommitted) {
          ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(50));
          List<String> values = new ArrayList<>();
          for (ConsumerRecord<String, String> record : records) values.add(record.value());
          seen.addAll(values);
          uncommitted |= !values.isEmpty();
          try {
            if (uncommitted)
              consumer.commitSync();
            uncommitted = false;
          } catch (RebalanceInProgressException e) {
            continue; // a cooperative rebalance: what moved is read again, the rest is tried again
          }
          owned = Set.copyOf(consumer.assignment());
        }
      } catch (Throwable e) {
        e.printStackTrace();
        broke = e;
      }
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {}

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      rebalances.incrementAndGet();
    }

    void end() throws InterruptedException {
      stopping = true;
      join();
      check(broke == null, "a member broke");
    }
  }
}
