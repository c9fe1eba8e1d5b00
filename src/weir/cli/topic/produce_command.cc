// weir topic produce: lines into a topic.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>

#include "weir/cli/terminal.h"
#include "weir/cli/topic/line_input.h"
#include "weir/cli/topic/topic_command.h"
#include "weir/observe/quantity.h"
#include "weir/server/topics/topic_writer.h"

namespace weir::cli {

namespace {

using server::TopicWriter;

struct ProduceFlags {
  std::string topic;
  std::vector<std::string> files;
  std::string key_separator;
  std::vector<std::string> headers;
  int32_t partition = -1;
  std::string input = "text";
  std::string compression = "none";
  std::string format = "text";
};

const std::map<std::string, log::Codec>& Codecs() {
  static const std::map<std::string, log::Codec> codecs = {{"none", log::Codec::kNone},
                                                           {"gzip", log::Codec::kGzip},
                                                           {"snappy", log::Codec::kSnappy},
                                                           {"lz4", log::Codec::kLz4},
                                                           {"zstd", log::Codec::kZstd}};
  return codecs;
}

// A record with bytes of its own.
struct Made {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::optional<int32_t> partition;
  int64_t timestamp_ms = -1;
};

Result<Made> MadeOfText(const ProduceFlags& flags, const std::string& line) {
  Made made;
  if (flags.key_separator.empty()) {
    made.value = line;
    return made;
  }
  const size_t at = line.find(flags.key_separator);
  if (at == std::string::npos) {
    return Error::User(ErrorCode::kInvalid,
                       "the line has no key: '" + flags.key_separator + "' is not in it")
        .Fix("write key" + flags.key_separator + "value, or leave --key-separator out");
  }
  made.key = line.substr(0, at);
  made.value = line.substr(at + flags.key_separator.size());
  return made;
}

// A member's text, or its JSON if it is none.
std::optional<std::string> TextOf(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::nullopt;
  return found->is_string() ? found->get<std::string>() : ToText(*found);
}

// {"key":…,"value":…,"headers":{…},"partition":0,"timestamp":"…"}, as tail --format json writes it.
Result<Made> MadeOfJson(const std::string& line) {
  WEIR_ASSIGN_OR_RETURN(const Json object, ParseJson(line));
  const auto wrong = [](const std::string& what) {
    return Error::User(ErrorCode::kInvalid, what)
        .Fix(R"(write {"key": …, "value": …, "headers": {…}}, as `tail --format json` does)");
  };
  if (!object.is_object()) return wrong("the line is no JSON object");
  Made made;
  made.key = TextOf(object, "key");
  made.value = TextOf(object, "value");
  const auto headers = object.find("headers");
  if (headers != object.end() && !headers->is_null()) {
    if (!headers->is_object()) return wrong("\"headers\" is no object");
    for (const auto& [name, value] : headers->items()) {
      made.headers.emplace_back(name, TextOf(*headers, name));
    }
  }
  const auto partition = object.find("partition");
  if (partition != object.end() && !partition->is_null()) {
    if (!partition->is_number_integer()) return wrong("\"partition\" is no number");
    // Beyond it there is none: the topic says which there are.
    made.partition = static_cast<int32_t>(
        std::clamp<int64_t>(partition->get<int64_t>(), -1, std::numeric_limits<int32_t>::max()));
  }
  if (const auto timestamp = TextOf(object, "timestamp")) {
    const auto moment = ParseMoment(*timestamp, 0);
    if (!moment || *moment < 0) {
      return wrong("\"timestamp\" is no time since 1970: '" + *timestamp + "'");
    }
    made.timestamp_ms = *moment;
  }
  return made;
}

Status Add(TopicWriter& writer, const ProduceFlags& flags, Made made,
           const std::vector<std::pair<std::string, std::string>>& headers) {
  server::WrittenRecord record;
  if (made.key) record.key = *made.key;
  if (made.value) record.value = *made.value;
  record.partition = made.partition;
  if (flags.partition >= 0) record.partition = flags.partition;
  record.timestamp_ms = made.timestamp_ms;
  for (const auto& [name, value] : headers) record.headers.push_back({name, value});
  for (const auto& [name, value] : made.headers) {
    record.headers.push_back(
        {name, value ? std::optional<std::string_view>(*value) : std::nullopt});
  }
  return writer.Add(record);
}

Status Copy(LineInput& input, TopicWriter& writer, const ProduceFlags& flags,
            const std::vector<std::pair<std::string, std::string>>& headers) {
  std::string line;
  for (;;) {
    if (input.MustWait()) WEIR_RETURN_IF_ERROR(writer.Flush());
    WEIR_ASSIGN_OR_RETURN(const bool found, input.Next(&line));
    if (!found) return Status::Ok();
    if (line.empty() && flags.input == "json") continue;
    auto made = flags.input == "json" ? MadeOfJson(line) : MadeOfText(flags, line);
    Status added = made.status();
    if (made.ok()) added = Add(writer, flags, std::move(made).value(), headers);
    if (!added.ok()) {
      return std::move(added).error().At(input.name() + ":" + std::to_string(input.line()));
    }
  }
}

Status CopyAll(TopicWriter& writer, const ProduceFlags& flags,
               const std::vector<std::pair<std::string, std::string>>& headers) {
  if (flags.files.empty()) {
    if (IsTerminal(0)) fmt::print(stderr, "a record a line; Ctrl-D ends\n");
    return Copy(*LineInput::OfStdin(), writer, flags, headers);
  }
  for (const std::string& path : flags.files) {
    WEIR_ASSIGN_OR_RETURN(const auto input, LineInput::OfFile(RealEnv(), path));
    WEIR_RETURN_IF_ERROR(Copy(*input, writer, flags, headers));
  }
  return Status::Ok();
}

Result<int> Run(const TopicFlags& where, const ProduceFlags& flags) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const std::string& text : flags.headers) {
    WEIR_ASSIGN_OR_RETURN(auto pair, ParsePair(text, "--header"));
    headers.push_back(std::move(pair));
  }
  WEIR_ASSIGN_OR_RETURN(const TopicSession session, OpenTopics(where));
  WEIR_ASSIGN_OR_RETURN(
      const auto writer,
      TopicWriter::Open(*session.admin, flags.topic, {.codec = Codecs().at(flags.compression)}));
  Status done = CopyAll(*writer, flags, headers);
  // The lines before a wrong one are there.
  const Status flushed = writer->Flush();
  if (done.ok()) done = flushed;
  int64_t records = 0;
  OrderedJson partitions = OrderedJson::array();
  for (size_t i = 0; i < writer->acknowledged().size(); ++i) {
    const int64_t count = writer->acknowledged()[i];
    records += count;
    if (count > 0) partitions.push_back({{"partition", i}, {"records", count}});
  }
  if (flags.format == "json" && done.ok()) {
    PrintJson({{"topic", flags.topic}, {"records", records}, {"partitions", partitions}});
  } else if (flags.format != "json") {
    fmt::print(stderr, "{} acknowledged by {}\n", observe::Counted(records, "record"), flags.topic);
  }
  WEIR_RETURN_IF_ERROR(done);
  return 0;
}

}  // namespace

void AddTopicProduceCommand(CLI::App& topic, Outcome& outcome, TopicFlags& where) {
  auto flags = std::make_shared<ProduceFlags>();
  CLI::App& command =
      AddTopicSubcommand(topic, outcome, where, "produce", "write records, a line each",
                         &flags->format, [&where, flags] { return Run(where, *flags); });
  command.add_option("topic", flags->topic, "the topic")->required();
  command.add_option("files", flags->files, "files of lines (default: standard input)");
  command.add_option("--key-separator", flags->key_separator,
                     "what stands between key and value in a line");
  command.add_option("--header", flags->headers, "NAME=VALUE for each record; several times")
      ->allow_extra_args(false);
  command.add_option("--partition", flags->partition, "this one (default: by key, else in turn)")
      ->check(CLI::Range(0, 1'000'000));
  command
      .add_option("--input", flags->input,
                  "text: the line is the value; json: objects as `tail --format json` writes them")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command.add_option("--compression", flags->compression, "of the batches")
      ->check(CLI::IsMember(Codecs()))
      ->capture_default_str();
  AddFormatTo(command, flags->format);
}

}  // namespace weir::cli
