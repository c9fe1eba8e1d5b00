// Java's Admin client, all of it that a broker of one node has something to say to.
//
//     java -cp KAFKA_CLIENTS Administration.java HOST:PORT
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Administration {
  static final int RECORDS = 100;
  static final long WAIT_MAX_MS = 30_000;

  static String bootstrap;
  static Admin admin;
  static final String topic = "java-admin-" + UUID.randomUUID();
  static final TopicPartition place = new TopicPartition(topic, 0);

  interface Step {
    void run() throws Exception;
  }

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    admin = Admin.create(settings());
    Map<String, Step> steps = new java.util.LinkedHashMap<>();
    steps.put("cluster", Administration::cluster);
    steps.put("topics", Administration::topics);
    steps.put("settings", Administration::topicSettings);
    steps.put("offsets", Administration::offsetsAndRecords);
    steps.put("classic group", () -> groups("classic"));
    steps.put("consumer group", () -> groups("consumer"));
    steps.put("transactions", Administration::transactions);
    steps.put("replicas", Administration::replicas);
    steps.put("deleted", Administration::deleted);
    int failed = 0;
    for (Map.Entry<String, Step> step : steps.entrySet()) {
      try {
        step.getValue().run();
      } catch (Throwable e) {
        System.out.println("FAILED " + step.getKey());
        e.printStackTrace(System.out);
        failed += 1;
      }
    }
    admin.close(Duration.ofSeconds(5));
    if (failed > 0)
      System.exit(1);
    System.out.println("ok: " + String.join(", ", steps.keySet()));
  }

  static void check(boolean holds, String what) {
    if (!holds)
      throw new AssertionError(what);
  }

  static void refused(Class<? extends Exception> with, KafkaFuture<?> future, String what)
      throws Exception {
    try {
      future.get();
    } catch (ExecutionException e) {
      check(with.isInstance(e.getCause()), what + ": refused with " + e.getCause());
      return;
    }
    check(false, what + " is refused");
  }

  static Properties settings(Object... more) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    for (int i = 0; i < more.length; i += 2) properties.put(more[i], more[i + 1]);
    return properties;
  }

  static void cluster() throws Exception {
    DescribeClusterResult cluster =
        admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
    check(cluster.nodes().get().size() == 1, "one node");
    check(cluster.controller().get().id() == cluster.nodes().get().iterator().next().id(),
        "it controls");
    check(cluster.clusterId().get().length() == 22, "the cluster's id");
    FeatureMetadata features = admin.describeFeatures().featureMetadata().get();
    check(
        features.finalizedFeatures().get("transaction.version").maxVersionLevel() == 2, "features");
    check(features.finalizedFeatures().get("group.version").maxVersionLevel() == 1, "features");
    check(admin.describeMetadataQuorum().quorumInfo().get().voters().size() == 1, "one voter");
    check(admin.describeClientQuotas(org.apache.kafka.common.quota.ClientQuotaFilter.all())
              .entities()
              .get()
              .isEmpty(),
        "quotas");
    check(admin.metrics().size() > 0, "metrics");
  }

  static void topics() throws Exception {
    admin
        .createTopics(List.of(new NewTopic(topic, Optional.of(2), Optional.empty())
                                  .configs(Map.of("cleanup.policy", "compact"))))
        .all()
        .get();
    Uuid id = admin
                  .createTopics(List.of(
                      new NewTopic(topic + "-b", Map.of(0, List.of(node()), 1, List.of(node())))))
                  .topicId(topic + "-b")
                  .get();
    refused(TopicExistsException.class,
        admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all(), "a second of a name");
    refused(InvalidTopicException.class,
        admin.createTopics(List.of(new NewTopic("no spaces", 1, (short) 1))).all(), "a wrong name");
    refused(InvalidPartitionsException.class,
        admin.createTopics(List.of(new NewTopic(topic + "-0", 0, (short) 1))).all(),
        "no partitions");
    admin
        .createTopics(List.of(new NewTopic(topic + "-c", 1, (short) 1)),
            new CreateTopicsOptions().validateOnly(true))
        .all()
        .get();
    Set<String> names = admin.listTopics().names().get();
    check(names.contains(topic) && names.contains(topic + "-b") && !names.contains(topic + "-c"),
        "listed");
    TopicDescription described =
        admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    check(described.partitions().size() == 2, "described");
    check(described.partitions().get(0).leader().id() == node(), "its leader");
    check(admin.describeTopics(TopicCollection.ofTopicIds(List.of(id)))
              .allTopicIds()
              .get()
              .get(id)
              .name()
              .equals(topic + "-b"),
        "described by its id");
    refused(UnknownTopicOrPartitionException.class,
        admin.describeTopics(List.of(topic + "-c")).allTopicNames(), "describe what is not there");
    admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
    check(admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size()
            == 3,
        "grown");
    refused(InvalidPartitionsException.class,
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all(), "a shrunk topic");
  }

  static int node() throws Exception {
    return admin.describeCluster().nodes().get().iterator().next().id();
  }

  static void topicSettings() throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    Config config =
        admin
            .describeConfigs(List.of(resource),
                new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true))
            .all()
            .get()
            .get(resource);
    check(config.get("cleanup.policy").value().equals("compact"), "as created");
    check(!config.get("cleanup.policy").isDefault(), "not by default");
    check(config.get("retention.ms").isDefault(), "by default");
    check(config.get("retention.ms").documentation() != null, "documented");
    admin
        .incrementalAlterConfigs(Map.of(resource,
            List.of(new AlterConfigOp(
                        new ConfigEntry("cleanup.policy", "delete"), AlterConfigOp.OpType.SET),
                new AlterConfigOp(
                    new ConfigEntry("retention.ms", "360000000"), AlterConfigOp.OpType.SET))))
        .all()
        .get();
    config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
    check(config.get("cleanup.policy").value().equals("delete"), "set");
    check(config.get("retention.ms").value().equals("360000000"), "set");
    admin
        .incrementalAlterConfigs(Map.of(resource,
            List.of(new AlterConfigOp(
                new ConfigEntry("retention.ms", null), AlterConfigOp.OpType.DELETE))))
        .all()
        .get();
    check(admin.describeConfigs(List.of(resource))
              .all()
              .get()
              .get(resource)
              .get("retention.ms")
              .isDefault(),
        "taken back");
    refused(InvalidConfigurationException.class,
        admin
            .incrementalAlterConfigs(Map.of(resource,
                List.of(new AlterConfigOp(
                    new ConfigEntry("retention.ms", "soon"), AlterConfigOp.OpType.SET))))
            .all(),
        "not a number");
    ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "" + node());
    check(admin.describeConfigs(List.of(broker)).all().get().get(broker).get("log.dirs") != null,
        "broker's");
    Collection<ConfigResource> all = admin.listConfigResources().all().get();
    check(all.contains(resource), "listed");
  }

  static void produce(String to) {
    try (KafkaProducer<String, String> producer =
             new KafkaProducer<>(settings(), new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < RECORDS; i++) {
        producer.send(
            new ProducerRecord<>(to, 0, 1000L * i + System.currentTimeMillis(), "k", "" + i));
      }
    }
  }

  static long offset(OffsetSpec spec) throws Exception {
    return admin.listOffsets(Map.of(place, spec)).partitionResult(place).get().offset();
  }

  static void offsetsAndRecords() throws Exception {
    produce(topic);
    check(offset(OffsetSpec.earliest()) == 0, "earliest");
    check(offset(OffsetSpec.latest()) == RECORDS, "latest");
    check(offset(OffsetSpec.maxTimestamp()) == RECORDS - 1, "of the largest timestamp");
    check(offset(OffsetSpec.forTimestamp(1)) == 0, "of a time");
    check(offset(OffsetSpec.earliestLocal()) == 0, "earliest here");
    check(offset(OffsetSpec.latestTiered()) == -1, "nothing is elsewhere");
    check(admin.deleteRecords(Map.of(place, RecordsToDelete.beforeOffset(40)))
                .lowWatermarks()
                .get(place)
                .get()
                .lowWatermark()
            == 40,
        "deleted");
    check(offset(OffsetSpec.earliest()) == 40, "earliest after deleting");
    refused(OffsetOutOfRangeException.class,
        admin.deleteRecords(Map.of(place, RecordsToDelete.beforeOffset(RECORDS + 1))).all(),
        "more than there is");
    List<ProducerState> producers =
        admin.describeProducers(List.of(place)).all().get().get(place).activeProducers();
    check(producers.size() == 1 && producers.get(0).lastSequence() == RECORDS - 1, "its producer");
    Map<Integer, Map<String, LogDirDescription>> dirs =
        admin.describeLogDirs(List.of(node())).allDescriptions().get();
    LogDirDescription dir = dirs.get(node()).values().iterator().next();
    check(dir.error() == null && dir.replicaInfos().get(place).size() > 0, "its bytes");
  }

  static KafkaConsumer<String, String> member(String group, String protocol) {
    Properties properties =
        settings("group.id", group, "group.protocol", protocol, "auto.offset.reset", "earliest",
            "enable.auto.commit", "false", "group.instance.id", "m", "client.id", "the-client");
    KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    consumer.subscribe(List.of(topic));
    long until = System.currentTimeMillis() + WAIT_MAX_MS;
    while (consumer.poll(Duration.ofMillis(100)).isEmpty()) {
      check(System.currentTimeMillis() < until, "records of " + topic);
    }
    consumer.commitSync();
    return consumer;
  }

  static void groups(String protocol) throws Exception {
    String group = topic + "-" + protocol;
    try (KafkaConsumer<String, String> consumer = member(group, protocol)) {
      ConsumerGroupDescription described =
          admin
              .describeConsumerGroups(List.of(group),
                  new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true))
              .all()
              .get()
              .get(group);
      check(described.groupState() == GroupState.STABLE, "state " + described.groupState());
      check(
          described.type() == (protocol.equals("classic") ? GroupType.CLASSIC : GroupType.CONSUMER),
          "type");
      check(described.members().size() == 1, "one member");
      MemberDescription member = described.members().iterator().next();
      check(member.clientId().equals("the-client") && member.groupInstanceId().get().equals("m"),
          "who");
      check(member.assignment().topicPartitions().size() == 3, "has all");
      GroupListing listed = admin.listGroups()
                                .all()
                                .get()
                                .stream()
                                .filter(g -> g.groupId().equals(group))
                                .findFirst()
                                .get();
      check(listed.type().get() == described.type() && listed.protocol().equals("consumer"),
          "listed");
      Collection<GroupListing> empty = admin
                                           .listGroups(new ListGroupsOptions()
                                                           .inGroupStates(Set.of(GroupState.EMPTY))
                                                           .withTypes(Set.of(GroupType.CONSUMER)))
                                           .all()
                                           .get();
      check(empty.stream().noneMatch(g -> g.groupId().equals(group)), "not listed as empty");
      Map<TopicPartition, OffsetAndMetadata> offsets =
          admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
      check(offsets.get(place).offset() == RECORDS, "committed");
      refused(UnknownMemberIdException.class,
          admin.alterConsumerGroupOffsets(group, Map.of(place, new OffsetAndMetadata(50))).all(),
          "offsets of a group with members");
      refused(GroupSubscribedToTopicException.class,
          admin.deleteConsumerGroupOffsets(group, Set.of(place)).all(),
          "deleting what is subscribed to");
      refused(GroupNotEmptyException.class, admin.deleteConsumerGroups(List.of(group)).all(),
          "deleting a group with members");
    }
    // A static member that closes stays a member, until its session ends or somebody removes it.
    RemoveMembersFromConsumerGroupOptions who =
        new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("m")));
    admin.removeMembersFromConsumerGroup(group, who).all().get();
    check(admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState()
            == GroupState.EMPTY,
        "empty");
    admin.alterConsumerGroupOffsets(group, Map.of(place, new OffsetAndMetadata(50, "half")))
        .all()
        .get();
    OffsetAndMetadata altered =
        admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(place);
    check(altered.offset() == 50 && altered.metadata().equals("half"), "altered");
    admin.deleteConsumerGroupOffsets(group, Set.of(place)).all().get();
    check(!admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().containsKey(
              place),
        "deleted offsets");
    admin.deleteConsumerGroups(List.of(group)).all().get();
    refused(GroupIdNotFoundException.class, admin.deleteConsumerGroups(List.of(group)).all(),
        "deleting what is not there");
    refused(GroupIdNotFoundException.class, admin.describeConsumerGroups(List.of(group)).all(),
        "describing what is not there");
  }

  static KafkaProducer<String, String> openTransaction(String id) throws Exception {
    KafkaProducer<String, String> producer = new KafkaProducer<>(
        settings("transactional.id", id), new StringSerializer(), new StringSerializer());
    producer.initTransactions();
    producer.beginTransaction();
    producer.send(new ProducerRecord<>(topic, 0, "k", "in " + id)).get();
    return producer;
  }

  static void transactions() throws Exception {
    String id = topic + "-txn";
    long stable = offset(OffsetSpec.latest());
    KafkaProducer<String, String> producer = openTransaction(id);
    TransactionDescription described =
        admin.describeTransactions(List.of(id)).description(id).get();
    check(described.state() == TransactionState.ONGOING, "state " + described.state());
    check(described.topicPartitions().equals(Set.of(place)), "its partitions");
    check(admin
              .listTransactions(
                  new ListTransactionsOptions().filterStates(Set.of(TransactionState.ONGOING)))
              .all()
              .get()
              .stream()
              .anyMatch(t -> t.transactionalId().equals(id)),
        "listed");
    ProducerState state = admin.describeProducers(List.of(place))
                              .all()
                              .get()
                              .get(place)
                              .activeProducers()
                              .stream()
                              .filter(p -> p.producerId() == described.producerId())
                              .findFirst()
                              .get();
    check(state.currentTransactionStartOffset().getAsLong() == stable, "begins at");
    check(admin.listOffsets(Map.of(place, OffsetSpec.latest()),
                   new ListOffsetsOptions(org.apache.kafka.common.IsolationLevel.READ_COMMITTED))
                .partitionResult(place)
                .get()
                .offset()
            == stable,
        "the last stable offset");
    // What hangs is ended by hand: here by who begins and with which epoch.
    admin
        .abortTransaction(new AbortTransactionSpec(place, state.producerId(),
            (short) state.producerEpoch(), state.coordinatorEpoch().orElse(0)))
        .all()
        .get();
    check(admin.listOffsets(Map.of(place, OffsetSpec.latest()),
                   new ListOffsetsOptions(org.apache.kafka.common.IsolationLevel.READ_COMMITTED))
                .partitionResult(place)
                .get()
                .offset()
            == stable + 2,
        "stable behind the marker");
    producer.close(Duration.ZERO);
    KafkaProducer<String, String> fenced = openTransaction(id + "-fenced");
    admin.fenceProducers(List.of(id + "-fenced")).all().get();
    try {
      fenced.commitTransaction();
      check(false, "fenced by the administrator");
    } catch (ProducerFencedException | InvalidProducerEpochException e) {
      fenced.close(Duration.ZERO);
    }
    KafkaProducer<String, String> ended = openTransaction(id + "-ended");
    admin.forceTerminateTransaction(id + "-ended").result().get();
    check(
        admin.describeTransactions(List.of(id + "-ended")).description(id + "-ended").get().state()
            != TransactionState.ONGOING,
        "ended");
    ended.close(Duration.ZERO);
  }

  static void replicas() throws Exception {
    check(admin.listPartitionReassignments().reassignments().get().isEmpty(), "nothing moves");
    Map<TopicPartition, Optional<Throwable>> elected =
        admin.electLeaders(ElectionType.PREFERRED, Set.of(place)).partitions().get();
    check(elected.get(place).get() instanceof ElectionNotNeededException, "elected: " + elected);
    admin
        .alterPartitionReassignments(
            Map.of(place, Optional.of(new NewPartitionReassignment(List.of(node())))))
        .all()
        .get();
  }

  static void deleted() throws Exception {
    Uuid id = admin.describeTopics(List.of(topic + "-b"))
                  .allTopicNames()
                  .get()
                  .get(topic + "-b")
                  .topicId();
    admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
    admin.deleteTopics(List.of(topic)).all().get();
    refused(
        UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(topic)).all(), "twice");
    check(!new HashSet<>(admin.listTopics().names().get()).contains(topic), "gone");
  }
}
