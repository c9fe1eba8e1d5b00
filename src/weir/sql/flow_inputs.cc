#include "weir/sql/flow_inputs.h"

#include <algorithm>
#include <limits>

#include "weir/base/json_writer.h"

namespace weir::sql {

namespace {

columnar::Position TablePosition(int64_t version, const std::string& id = "") {
  JsonWriter json;
  json.BeginObject().Key("version").Int(version);
  if (!id.empty()) json.Key("table").String(id);
  json.EndObject();
  return json.Take();
}

int64_t VersionOf(const columnar::Position& position) {
  const size_t colon = position.find(':');
  return colon == std::string::npos ? -1 : std::stoll(position.substr(colon + 1));
}

// A source's position says more than a version and a table.
bool IsTablePosition(const columnar::Position& position) {
  if (position.rfind("{\"version\":", 0) != 0) return false;
  std::string begin = TablePosition(VersionOf(position));
  if (position == begin) return true;  // as it was written before it named the table
  begin.pop_back();
  return position.rfind(begin + ",\"table\":", 0) == 0;
}

}  // namespace

Status FlowInputs::Find(const std::optional<epoch::Manifest>& last) {
  for (const std::string& name : flow_.inputs) {
    FlowInput input;
    input.name = name;
    const Relation& relation = *project_.Find(name);
    input.is_table = relation.source == nullptr;
    if (last) {
      auto position = last->positions.find(name);
      if (position != last->positions.end()) {
        input.from = position->second;
        input.known = true;
        if (IsTablePosition(input.from) != input.is_table) {
          const char* is = input.is_table ? "a table" : "a source";
          const char* was = input.is_table ? "a source" : "a table";
          return Error::User(ErrorCode::kInvalid, flow_.flow->table + " was computed from " + name +
                                                      " when that was " + was + "; it is " + is +
                                                      " now")
              .Fix("run with --full-refresh " + flow_.flow->table + " to compute it again");
        }
      }
    }
    WEIR_RETURN_IF_ERROR(input.is_table ? FindTable(input) : FindSource(relation, input));
    inputs_.push_back(std::move(input));
  }
  return Status::Ok();
}

Status FlowInputs::FindSource(const Relation& relation, FlowInput& input) {
  columnar::ScanRequest request;
  request.from = input.from;
  auto option = relation.declared->options.find("source.rewritten");
  request.ignore_rewritten =
      option != relation.declared->options.end() && option->second == "reprocess";
  reprocess_rewritten_ |= request.ignore_rewritten;
  auto scan = relation.source->Plan(request);
  if (!scan.ok()) return std::move(scan).error().While("source " + input.name);
  input.scan = std::move(scan).value();
  input.changed = input.scan->changes().Any();
  return Status::Ok();
}

Status FlowInputs::FindTable(FlowInput& input) {
  auto table = catalog_.Table(input.name);
  if (!table.ok() && table.error().code() == ErrorCode::kNotFound) return Status::Ok();
  WEIR_ASSIGN_OR_RETURN(input.table, std::move(table));
  const int64_t from = input.known ? VersionOf(input.from) : -1;
  // The versions of a table that was removed and made again are none of those that were read.
  const bool same = !input.known || input.from == TablePosition(from) ||
                    input.from == TablePosition(from, input.table->id());
  input.changed = !same || input.table->version() != from;
  if (!input.changed || !input.known || !same) return Status::Ok();
  WEIR_ASSIGN_OR_RETURN(auto appended, input.table->AppendedSince(from));
  input.only_appended = appended.has_value();
  if (appended) input.appended = std::move(*appended);
  if (input.only_appended && input.appended.empty()) input.changed = false;
  return Status::Ok();
}

bool FlowInputs::Reads(const std::string& name) const {
  return std::any_of(inputs_.begin(), inputs_.end(),
                     [&](const FlowInput& input) { return input.name == name; });
}

Status FlowInputs::Define(bool incremental, columnar::UnparsedRows* unparsed) {
  session_.scans().Clear();
  file_names_.clear();
  file_scans_.clear();
  order_bases_.clear();
  order_end_ = 1;
  unordered_files_.clear();
  for (FlowInput& input : inputs_) {
    const Relation& relation = *project_.Find(input.name);
    const bool new_rows_only = incremental && input.changed && input.known;
    if (input.is_table) {
      WEIR_RETURN_IF_ERROR(DefineTable(relation, input, new_rows_only));
    } else {
      WEIR_RETURN_IF_ERROR(DefineSource(relation, input, incremental, unparsed));
    }
  }
  // Views of other flows' sources must still bind.
  for (const auto& [key, relation] : project_.relations) {
    if (relation.source == nullptr || Reads(relation.declared->name)) continue;
    WEIR_RETURN_IF_ERROR(
        session_.DefineScan(*relation.declared, relation.schema, nullptr, 0, nullptr));
  }
  for (const ViewStatement* view : project_.views) {
    // Views are bound anew, as their inputs' views were replaced.
    WEIR_RETURN_IF_ERROR(session_.DefineView(*view, now_us_));
  }
  return Status::Ok();
}

Status FlowInputs::DefineTable(const Relation& relation, FlowInput& input, bool new_rows_only) {
  const auto base = static_cast<int32_t>(file_names_.size());
  std::vector<columnar::ParquetFile> files;
  if (new_rows_only) {
    files = input.appended;
  } else if (input.table) {
    WEIR_ASSIGN_OR_RETURN(files, input.table->Files(nullptr));
  }
  int64_t first = std::numeric_limits<int64_t>::max();
  for (const auto& file : files) first = std::min(first, file.order_base);
  int64_t end = order_end_;
  for (const auto& file : files) {
    file_names_.push_back(input.name);
    order_bases_.push_back(order_end_ + (file.order_base - first));
    end = std::max(end, order_end_ + (file.order_end - first));
    if (!file.has_order) unordered_files_[input.name] += 1;
  }
  order_end_ = end;
  file_scans_.resize(file_names_.size());
  const columnar::Schema& schema = input.table ? input.table->schema() : relation.schema;
  return session_.DefineParquet(input.name, nullptr, schema, files, base);
}

Status FlowInputs::DefineSource(const Relation& relation, FlowInput& input, bool incremental,
                                columnar::UnparsedRows* unparsed) {
  const auto base = static_cast<int32_t>(file_names_.size());
  const bool is_static = incremental && !input.changed;
  std::shared_ptr<columnar::SourceScan> scan = input.scan;
  if ((!incremental || is_static) && input.known) {
    WEIR_ASSIGN_OR_RETURN(scan, relation.source->Plan(columnar::ScanRequest{}));
  }
  if (!is_static) input.scan = scan;
  for (size_t i = 0; i < scan->files().size(); ++i) {
    file_names_.push_back(scan->files()[i]);
    order_bases_.push_back(order_end_);
    order_end_ += scan->OffsetEnd(i);
  }
  file_scans_.resize(file_names_.size(), scan);
  if (const auto* files = scan->parquet_files()) {
    return session_.DefineParquet(input.name, relation.declared, relation.schema, *files, base);
  }
  if (is_static || unparsed == nullptr) unparsed = &ignore_unparsed_;
  return session_.DefineScan(*relation.declared, relation.schema, scan, base, unparsed);
}

Result<std::string> FlowInputs::WholeRelation(const std::string& name) {
  const Relation* relation = project_.Find(name);
  if (relation == nullptr) {
    return flow_.flow->text
        .ErrorHere(0, ErrorCode::kNotFound, "no table named '" + name + "' to refer to")
        .Fix(DidYouMean(name, project_.project->Names()));
  }
  const std::string alias = "__weir_whole_" + ToLower(name);
  if (relation->source == nullptr) {
    auto found = catalog_.Table(relation->declared->name);
    if (!found.ok() && found.error().code() == ErrorCode::kNotFound) return std::string();
    WEIR_ASSIGN_OR_RETURN(auto version, std::move(found));
    if (!EqualsIgnoreCase(name, flow_.flow->table)) referred_[name] = version->version();
    WEIR_ASSIGN_OR_RETURN(auto files, version->Files(nullptr));
    WEIR_RETURN_IF_ERROR(session_.DefineParquet(alias, nullptr, version->schema(), files, 0));
    return columnar::QuoteName(alias);
  }
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<columnar::SourceScan> scan,
                        relation->source->Plan(columnar::ScanRequest{}));
  TableStatement renamed = *relation->declared;
  renamed.name = alias;
  if (const auto* files = scan->parquet_files()) {
    WEIR_RETURN_IF_ERROR(session_.DefineParquet(alias, &renamed, relation->schema, *files, 0));
  } else {
    WEIR_RETURN_IF_ERROR(
        session_.DefineScan(renamed, relation->schema, scan, 0, &ignore_unparsed_));
  }
  return columnar::QuoteName(alias);
}

std::string FlowInputs::FileName(int32_t file) const {
  if (file < 0 || static_cast<size_t>(file) >= file_names_.size()) return "";
  return file_names_[file];
}

std::shared_ptr<columnar::SourceScan> FlowInputs::ScanOf(columnar::Origin* origin) const {
  if (origin->file < 0 || static_cast<size_t>(origin->file) >= file_scans_.size()) return nullptr;
  const auto scan = file_scans_[origin->file];
  if (!scan) return nullptr;
  // The ordinal within its own scan: the scan's first file is where its run of entries begins.
  int32_t first = origin->file;
  while (first > 0 && file_scans_[first - 1] == scan) --first;
  origin->file -= first;
  return scan;
}

Result<std::string> FlowInputs::ReadRaw(columnar::Origin origin, size_t max_bytes) const {
  const auto scan = ScanOf(&origin);
  return scan ? scan->ReadRaw(origin, max_bytes) : std::string();
}

std::optional<int64_t> FlowInputs::LineOf(columnar::Origin origin) const {
  const auto scan = ScanOf(&origin);
  return scan ? scan->LineOf(origin) : std::nullopt;
}

std::map<std::string, columnar::Position> FlowInputs::Positions(bool keep_known) const {
  std::map<std::string, columnar::Position> positions;
  for (const FlowInput& input : inputs_) {
    if (keep_known && input.known) {
      positions[input.name] = input.from;
    } else if (!input.is_table) {
      positions[input.name] = input.scan->end_position();
    } else {
      positions[input.name] = input.table ? TablePosition(input.table->version(), input.table->id())
                                          : TablePosition(-1);
    }
  }
  for (const auto& [name, version] : referred_) {
    positions["references " + name] = TablePosition(version);
  }
  return positions;
}

std::vector<std::string> FlowInputs::Notes() const {
  std::vector<std::string> notes;
  for (const FlowInput& input : inputs_) {
    if (input.is_table) continue;
    const columnar::SourceChanges& changes = input.scan->changes();
    notes.insert(notes.end(), changes.schema_changes.begin(), changes.schema_changes.end());
    notes.insert(notes.end(), changes.notes.begin(), changes.notes.end());
  }
  return notes;
}

}  // namespace weir::sql
