// Prepared project: every name opened, every query bound, every contract checked, flows in the
// order of their references; no row read. `weir check` stops here; a run starts here.
//
// Thread rule: one thread at a time, as the Session.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "weir/columnar/ports.h"
#include "weir/guard/contract.h"
#include "weir/sql/project.h"
#include "weir/sql/session.h"

namespace weir::sql {

// A source or a managed table.
struct Relation {
  const TableStatement* declared = nullptr;
  std::shared_ptr<columnar::BatchSource> source;  // null for a managed table
  columnar::Schema schema;                        // stored columns; computed ones left out
};

struct PreparedFlow {
  const Flow* flow = nullptr;
  std::vector<std::string> inputs;  // names of sources and tables, through views; sorted
  columnar::Schema query_schema;    // what the query gives
  columnar::Schema schema;          // what the table stores
  std::vector<std::string> primary_key;
  std::vector<std::string> partition_columns;
  guard::Contract contract;
  std::string event_time_column;  // empty: none known
  // Sources and tables whose rows, in their order, the query's rows are; empty: it has no order.
  std::set<std::string> origins;
  // Does the order of the rows decide what the table holds? (a key, UNIQUE)
  bool needs_order = false;
  bool keep_order = false;  // some flow that reads the table, by way of others too, needs its order
  // Everything that decides a row: the query and the views it reads, normalised; key; partitions.
  std::string definition;

  // The query with its columns as the table stores them.
  std::string SelectSql(const std::string& query_text) const;
};

// CREATE TOPIC: what there shall be, and where.
struct PreparedTopic {
  const TopicStatement* declared = nullptr;
  columnar::TopicSpec topic;
  std::shared_ptr<columnar::TopicAdmin> admin;
};

struct PreparedProject {
  const Project* project = nullptr;
  std::map<std::string, Relation> relations;  // by lower-case name
  std::vector<const ViewStatement*> views;    // in the order of their references
  std::vector<PreparedFlow> flows;            // in the order of their references
  std::vector<PreparedTopic> topics;

  const Relation* Find(const std::string& name) const;
};

Result<PreparedProject> PrepareProject(Session& session, const Project& project,
                                       columnar::Catalog& catalog, int64_t now_us);

}  // namespace weir::sql
