// log_client: a Kafka client (librdkafka) that produces or consumes as fast as it can, or at a
// rate, and prints one line of JSON with what it saw. For bench.py log; talks to any broker.
//
//   log_client produce BROKERS TOPIC PARTITIONS RECORDS BYTES [key=value …]   a librdkafka setting
//   log_client rate    BROKERS TOPIC PARTITIONS RECORDS BYTES records_per_second=N [key=value …]
//   log_client consume BROKERS TOPIC PARTITIONS RECORDS
//   log_client tail    BROKERS TOPIC PARTITIONS RECORDS      from the end, end-to-end latency
//
// Every record begins with the time at which it was made, so that latency is end to end.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "log_client: %s\n", what.c_str());
  std::exit(1);
}

struct Seen {
  int64_t delivered = 0;
  int64_t failed = 0;
  std::vector<float> latency_ms;
  std::string error;
};

void Delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto* seen = static_cast<Seen*>(opaque);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    seen->failed += 1;
    seen->error = rd_kafka_err2str(message->err);
    return;
  }
  seen->delivered += 1;
  int64_t made = 0;
  std::memcpy(&made, message->payload, sizeof(made));
  seen->latency_ms.push_back(static_cast<float>(NowNs() - made) * 1e-6F);
}

void Set(rd_kafka_conf_t* conf, const std::string& key, const std::string& value) {
  char error[512];
  if (rd_kafka_conf_set(conf, key.c_str(), value.c_str(), error, sizeof(error)) !=
      RD_KAFKA_CONF_OK) {
    Die(error);
  }
}

double Quantile(std::vector<float>& values, double q) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<int64_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

void Print(int64_t records, int64_t bytes, double seconds, Seen& seen) {
  std::printf(
      "{\"records\": %lld, \"bytes\": %lld, \"seconds\": %.4f, \"failed\": %lld, \"p50_ms\": %.3f, "
      "\"p99_ms\": %.3f, \"p999_ms\": %.3f, \"error\": \"%s\"}\n",
      static_cast<long long>(records), static_cast<long long>(bytes), seconds,
      static_cast<long long>(seen.failed), Quantile(seen.latency_ms, 0.5),
      Quantile(seen.latency_ms, 0.99), Quantile(seen.latency_ms, 0.999), seen.error.c_str());
}

struct Arguments {
  std::string mode;
  std::string brokers;
  std::string topic;
  int32_t partitions = 1;
  int64_t records = 0;
  size_t bytes = 100;
  double rate = 0;
  std::vector<std::pair<std::string, std::string>> settings;
};

int Produce(const Arguments& arguments) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  Set(conf, "bootstrap.servers", arguments.brokers);
  Set(conf, "queue.buffering.max.messages", "1000000");
  Set(conf, "acks", "all");
  for (const auto& [key, value] : arguments.settings) Set(conf, key, value);
  Seen seen;
  seen.latency_ms.reserve(static_cast<size_t>(arguments.records));
  rd_kafka_conf_set_opaque(conf, &seen);
  rd_kafka_conf_set_dr_msg_cb(conf, Delivered);
  char error[512];
  rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
  if (producer == nullptr) Die(error);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(producer, arguments.topic.c_str(), nullptr);
  // The connection and the topic are not what is measured.
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(producer, 0, topic, &metadata, 30'000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_metadata_destroy(metadata);
  }
  std::string payload(std::max(arguments.bytes, sizeof(int64_t)), 'x');
  // Not compressible to nothing, not random either.
  for (size_t i = 8; i < payload.size(); ++i) payload[i] = static_cast<char>('a' + i * 7 % 26);
  const auto begin = Clock::now();
  for (int64_t i = 0; i < arguments.records; ++i) {
    if (arguments.rate > 0) {
      while (Seconds(begin) * arguments.rate < static_cast<double>(i)) {
        rd_kafka_poll(producer, 0);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    }
    const int64_t now = NowNs();
    std::memcpy(payload.data(), &now, sizeof(now));
    const auto partition = static_cast<int32_t>(i / 64 % arguments.partitions);
    while (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, payload.data(), payload.size(),
                            nullptr, 0, nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        Die(rd_kafka_err2str(rd_kafka_last_error()));
      }
      rd_kafka_poll(producer, 10);
    }
    if (i % 256 == 0) rd_kafka_poll(producer, 0);
  }
  while (seen.delivered + seen.failed < arguments.records) {
    rd_kafka_poll(producer, 100);
    if (Seconds(begin) > 300) Die("not delivered within 300 s");
  }
  const double seconds = Seconds(begin);
  Print(seen.delivered, seen.delivered * static_cast<int64_t>(payload.size()), seconds, seen);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(producer);
  return seen.failed == 0 ? 0 : 1;
}

int Consume(const Arguments& arguments) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  Set(conf, "bootstrap.servers", arguments.brokers);
  Set(conf, "fetch.message.max.bytes", "4194304");
  Set(conf, "queued.max.messages.kbytes", "262144");
  Set(conf, "fetch.wait.max.ms", "50");
  for (const auto& [key, value] : arguments.settings) Set(conf, key, value);
  char error[512];
  rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
  if (consumer == nullptr) Die(error);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(consumer, arguments.topic.c_str(), nullptr);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(consumer);
  const bool tail = arguments.mode == "tail";
  for (int32_t i = 0; i < arguments.partitions; ++i) {
    rd_kafka_consume_start_queue(topic, i, tail ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING,
                                 queue);
  }
  if (tail) {
    // Whoever starts us waits for this line before it produces.
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    std::printf("ready\n");
    std::fflush(stdout);
  }
  Seen seen;
  int64_t records = 0;
  int64_t bytes = 0;
  // A batch is waited for until it is full: who measures latency takes one record at a time.
  std::vector<rd_kafka_message_t*> batch(tail ? 1 : 10'000);
  auto begin = Clock::now();
  while (records < arguments.records) {
    const ssize_t count = rd_kafka_consume_batch_queue(queue, 1000, batch.data(), batch.size());
    if (records == 0 && count > 0 && tail) begin = Clock::now();
    for (ssize_t i = 0; i < count; ++i) {
      rd_kafka_message_t* message = batch[static_cast<size_t>(i)];
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        records += 1;
        bytes += static_cast<int64_t>(message->len);
        if (tail) {
          int64_t made = 0;
          std::memcpy(&made, message->payload, sizeof(made));
          seen.latency_ms.push_back(static_cast<float>(NowNs() - made) * 1e-6F);
        }
      } else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        seen.failed += 1;
        seen.error = rd_kafka_message_errstr(message);
      }
      rd_kafka_message_destroy(message);
    }
    if (Seconds(begin) > 300) Die("not consumed within 300 s");
  }
  Print(records, bytes, Seconds(begin), seen);
  return seen.failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6)
    Die("produce|rate|consume|tail BROKERS TOPIC PARTITIONS RECORDS [BYTES] [key=value …]");
  Arguments arguments;
  arguments.mode = argv[1];
  arguments.brokers = argv[2];
  arguments.topic = argv[3];
  arguments.partitions = std::atoi(argv[4]);
  arguments.records = std::atoll(argv[5]);
  int at = 6;
  if (at < argc && std::strchr(argv[at], '=') == nullptr) {
    arguments.bytes = static_cast<size_t>(std::atoll(argv[at++]));
  }
  for (; at < argc; ++at) {
    const std::string setting = argv[at];
    const size_t equals = setting.find('=');
    if (equals == std::string::npos) Die("no setting: " + setting);
    const std::string key = setting.substr(0, equals);
    if (key == "records_per_second") {
      arguments.rate = std::atof(setting.c_str() + equals + 1);
    } else {
      arguments.settings.emplace_back(key, setting.substr(equals + 1));
    }
  }
  const bool produces = arguments.mode == "produce" || arguments.mode == "rate";
  return produces ? Produce(arguments) : Consume(arguments);
}
