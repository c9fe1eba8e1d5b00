// TopicSink and TopicCommitter: a topic behind the ports BatchSink and SinkCommitter.
//
// Write encodes rows, Prepare puts them into a staged file of ours (staged_records.h), Commit sends
// them in one transaction together with a note of flow and epoch (topic_transaction.h). So a crash
// at any place leaves the records of an epoch in the topic once or, before Prepare, not at all: a
// cluster can't go on with a transaction of a process that died, but the file can be sent again.
//
//   <warehouse>/_weir/<flow>/staged/<epoch>-<random>.records
//
// Records of one key, and of one partition, stand in the order of their rows. Rows are only ever
// added: an overwrite is refused. With a PRIMARY KEY the record's key is the primary key, so that
// compaction keeps the newest row of each.
//
// Thread rule: as the ports say.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/columnar/codec/row_encode.h"
#include "weir/columnar/ports.h"
#include "weir/connect/kafka/topic_transaction.h"
#include "weir/connect/records/record_options.h"

namespace weir::connect {

// A table over a topic as its declaration says, checked.
struct TopicTable {
  std::string name;
  std::string topic;
  columnar::Schema schema;  // the columns that INSERT fills, metadata columns among them
  columnar::EncodeFormat value_format;
  std::vector<columnar::EncodedField> value_fields;
  std::optional<columnar::EncodeFormat> key_format;
  std::vector<columnar::EncodedField> key_fields;
  int headers_column = -1;
  int timestamp_column = -1;
  std::vector<std::string> primary_key;
  std::shared_ptr<TopicTransactions> transactions;
  std::string state_folder;  // <warehouse>/_weir
};

// Everything but `transactions` and `state_folder`. User errors: no columns, a metadata column that
// can't be written, a key that is no column, a format that can't carry a type.
Result<TopicTable> MakeTopicTable(const columnar::SourceDeclaration& declaration,
                                  const std::string& topic, const RecordOptions& records);

Result<std::unique_ptr<columnar::BatchSink>> OpenTopicSink(Env& env,
                                                           std::shared_ptr<const TopicTable> table,
                                                           const columnar::SinkOptions& options);

class TopicCommitter : public columnar::SinkCommitter {
 public:
  TopicCommitter(Env& env, std::shared_ptr<const TopicTable> table)
      : env_(env), table_(std::move(table)) {}
  Result<columnar::CommitResult> Commit(const std::string& token) override;
  Status Abort(const std::string& token) override;

 private:
  Env& env_;
  const std::shared_ptr<const TopicTable> table_;
};

}  // namespace weir::connect
