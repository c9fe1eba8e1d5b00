#include "weir/columnar/codec/json_decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "duckdb/common/exception.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/vector.hpp"
#include "weir/base/json_writer.h"
#include "weir/columnar/codec/json_walk.h"
#include "weir/columnar/codec/text_values.h"
#include "weir/columnar/duckdb_error.h"

namespace weir::columnar {

namespace {

using duckdb::FlatVector;
using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::Vector;

struct Memory {
  std::shared_ptr<const TextBlock> block;
  TextArena arena;
};

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string Shorten(std::string_view text) {
  if (text.size() <= 100) return std::string(text);
  size_t n = 100;
  while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80) --n;
  return std::string(text.substr(0, n)) + "…";
}

// What goes wrong in one document.
struct Trouble {
  std::string problem;  // the document is broken: nothing of it counts
  std::string path;     // of the first value that does not fit
  std::string reason;
  // All values that do not fit, as path and JSON text, for the rescued column.
  std::vector<std::pair<std::string, std::string>> misfits;
  bool broken() const { return !problem.empty(); }
};

// The document being read.
struct Reading {
  od::document* document;
  Memory* memory;
  uint32_t row;
  uint32_t depth_max;
  Trouble trouble;
};

// The JSON text of an object or array that was just consumed, from `begin` on.
std::string_view TextUpToHere(Reading& reading, const char* begin) {
  const char* end;
  if (reading.document->current_location().get(end) != simdjson::SUCCESS) return {};
  while (end > begin && end[-1] != '}' && end[-1] != ']') --end;
  return std::string_view(begin, static_cast<size_t>(end - begin));
}

// One column, or one part of a nested one: values are collected as text, and cast together.
class Node {
 public:
  // `key`: of a map. Its keys are texts, whatever their type.
  Node(LogicalType type, std::string path, bool key = false)
      : type_(std::move(type)), path_(std::move(path)), key_(key) {
    if (key_) return;
    switch (type_.id()) {
      case LogicalTypeId::STRUCT:
        kind_ = Kind::kStruct;
        for (const auto& [name, child] : duckdb::StructType::GetChildTypes(type_)) {
          names_.emplace(name, children_.size());
          children_.push_back(std::make_unique<Node>(child, path_ + "." + name));
        }
        break;
      case LogicalTypeId::LIST:
        kind_ = Kind::kList;
        children_.push_back(
            std::make_unique<Node>(duckdb::ListType::GetChildType(type_), path_ + "[]"));
        break;
      case LogicalTypeId::MAP:
        kind_ = Kind::kMap;
        children_.push_back(
            std::make_unique<Node>(duckdb::MapType::KeyType(type_), path_ + ".(key)", true));
        children_.push_back(
            std::make_unique<Node>(duckdb::MapType::ValueType(type_), path_ + ".*"));
        break;
      default:
        break;
    }
  }

  size_t count() const { return kind_ == Kind::kScalar ? values_.count() : entries_.size(); }

  void AddNull(uint32_t row) {
    if (kind_ == Kind::kScalar) {
      values_.AddNull();
      rows_.push_back(row);
      return;
    }
    entries_.push_back({kNull, 0});
    if (kind_ == Kind::kStruct) {
      for (auto& child : children_) child->AddNull(row);
    }
  }

  // Adds one entry in any case. False if the document is broken or the value does not fit; then
  // what was added is a NULL, or a part.
  bool Add(od::value value, Reading& reading, uint32_t depth) {
    od::json_type type;
    if (const auto error = value.type().get(type)) return Broken(reading, error);
    if (type == od::json_type::null) {
      const bool null = ScalarToken(value) == "null";
      AddNull(reading.row);
      if (!null) reading.trouble.problem = JsonProblem(simdjson::N_ATOM_ERROR);
      return null;
    }
    const bool nested = type == od::json_type::object || type == od::json_type::array;
    if (nested && depth >= reading.depth_max) {
      AddNull(reading.row);
      reading.trouble.problem =
          fmt::format("nested more than {} deep ('json.max-depth')", reading.depth_max);
      return false;
    }
    if (kind_ == Kind::kScalar) {
      return nested ? AddText(value, reading, depth, type) : AddScalar(value, reading, type);
    }
    if (kind_ == Kind::kList ? type == od::json_type::array : type == od::json_type::object) {
      return kind_ == Kind::kList     ? AddList(value, reading, depth)
             : kind_ == Kind::kStruct ? AddStruct(value, reading, depth)
                                      : AddMap(value, reading, depth);
    }
    return Mismatch(value, reading, depth, type);
  }

  // Casts what was collected into rows [0, count()) of the vector. `failed(row, path, value,
  // reason, key)` for what does not cast; such elements are NULL, and so are maps with such a key.
  template <typename Failed>
  void Finish(Vector& result, const std::shared_ptr<const void>& memory, const Failed& failed) {
    const size_t n = count();
    if (kind_ == Kind::kScalar) {
      std::vector<uint32_t> bad;
      CastText(values_, result, memory, &bad);
      for (const uint32_t i : bad) {
        const std::string_view value(values_.data[i], values_.size[i]);
        failed(rows_[i], path_, value, CastFailure(value, type_), key_);
      }
      return;
    }
    if (kind_ == Kind::kStruct) {
      auto& parts = duckdb::StructVector::GetEntries(result);
      for (size_t i = 0; i < children_.size(); ++i) children_[i]->Finish(*parts[i], memory, failed);
      for (size_t i = 0; i < n; ++i) {
        if (entries_[i].first == kNull) FlatVector::SetNull(result, i, true);
      }
      return;
    }
    const size_t total = children_[0]->count();
    duckdb::ListVector::Reserve(result, total);
    duckdb::ListVector::SetListSize(result, total);
    auto* lists = FlatVector::GetData<duckdb::list_entry_t>(result);
    for (size_t i = 0; i < n; ++i) {
      if (entries_[i].first == kNull) {
        lists[i] = {0, 0};
        FlatVector::SetNull(result, i, true);
      } else {
        lists[i] = {entries_[i].first, entries_[i].second};
      }
    }
    if (kind_ == Kind::kList) {
      children_[0]->Finish(duckdb::ListVector::GetEntry(result), memory, failed);
    } else {
      children_[0]->Finish(duckdb::MapVector::GetKeys(result), memory, failed);
      children_[1]->Finish(duckdb::MapVector::GetValues(result), memory, failed);
      CheckKeys(result, failed);
    }
  }

  void Clear() {
    values_.Clear();
    rows_.clear();
    entries_.clear();
    for (auto& child : children_) child->Clear();
  }

 private:
  // A map has no NULL key and none twice, but keys that differ as text ("1", "01") can become one.
  template <typename Failed>
  void CheckKeys(Vector& result, const Failed& failed) {
    const Node& keys = *children_[0];
    if (keys.type_.id() == LogicalTypeId::VARCHAR) return;  // compared when they were read
    Vector& cast = duckdb::MapVector::GetKeys(result);
    for (size_t i = 0; i < entries_.size(); ++i) {
      const auto [first, size] = entries_[i];
      if (first == kNull) continue;
      std::set<std::string> seen;
      for (uint64_t k = first; k < first + size; ++k) {
        const duckdb::Value key = cast.GetValue(k);
        if (!key.IsNull() && seen.insert(key.ToString()).second) continue;
        FlatVector::SetNull(result, i, true);
        FlatVector::GetData<duckdb::list_entry_t>(result)[i] = {0, 0};
        if (!key.IsNull()) {
          const std::string_view text(keys.values_.data[k], keys.values_.size[k]);
          failed(keys.rows_[k], keys.path_, text,
                 fmt::format("key {} stands twice", key.ToString()), true);
        }
        break;
      }
    }
  }

  enum class Kind { kScalar, kStruct, kList, kMap };
  static constexpr uint64_t kNull = UINT64_MAX;

  bool Broken(Reading& reading, simdjson::error_code error) {
    AddNull(reading.row);
    reading.trouble.problem = JsonProblem(error);
    return false;
  }

  void AddValue(std::string_view text, const Reading& reading) {
    values_.Add(text.data(), static_cast<uint32_t>(text.size()));
    rows_.push_back(reading.row);
  }

  bool AddScalar(od::value& value, Reading& reading, od::json_type type) {
    if (type == od::json_type::string) {
      std::string_view text;
      if (PlainString(value, &text)) {
        // Stepped over here: of a value left standing the iteration takes `"a":` for a key.
        od::raw_json_string passed;
        if (const auto error = value.get_raw_json_string().get(passed)) {
          return Broken(reading, error);
        }
        AddValue(text, reading);
        return true;
      }
      if (const auto error = value.get_string().get(text)) return Broken(reading, error);
      char* copy = reading.memory->arena.Allocate(text.size());
      std::copy(text.begin(), text.end(), copy);
      AddValue({copy, text.size()}, reading);
      return true;
    }
    const std::string_view token = ScalarToken(value);
    const bool good =
        type == od::json_type::number ? IsJsonNumber(token) : token == "true" || token == "false";
    if (!good) {
      AddNull(reading.row);
      reading.trouble.problem = fmt::format("not JSON: '{}' is no value", Shorten(token));
      return false;
    }
    AddValue(token, reading);
    return true;
  }

  // An object or array where text is wanted: its JSON text. Elsewhere it does not fit.
  bool AddText(od::value& value, Reading& reading, uint32_t depth, od::json_type type) {
    if (type_.id() != LogicalTypeId::VARCHAR) return Mismatch(value, reading, depth, type);
    const char* const begin = ScalarToken(value).data();
    if (!CheckJson(value, depth, reading.depth_max, &reading.trouble.problem)) {
      AddNull(reading.row);
      return false;
    }
    AddValue(TextUpToHere(reading, begin), reading);
    return true;
  }

  bool Mismatch(od::value& value, Reading& reading, uint32_t depth, od::json_type type) {
    AddNull(reading.row);
    std::string_view text = ScalarToken(value);
    const char* const begin = text.data();
    if (!CheckJson(value, depth, reading.depth_max, &reading.trouble.problem)) return false;
    const bool nested = type == od::json_type::object || type == od::json_type::array;
    if (nested) text = TextUpToHere(reading, begin);
    reading.trouble.misfits.emplace_back(path_, text);
    if (reading.trouble.reason.empty()) {
      reading.trouble.path = path_;
      reading.trouble.reason =
          fmt::format("expected {}, found {}", type_.ToString(), Shorten(text));
    }
    return true;  // the document is sound: its other values are still wanted
  }

  bool AddList(od::value& value, Reading& reading, uint32_t depth) {
    const uint64_t first = children_[0]->count();
    bool good = true;
    od::array array;
    if (const auto error = value.get_array().get(array)) return Broken(reading, error);
    for (auto element : array) {
      od::value one;
      if (const auto error = std::move(element).get(one)) {
        reading.trouble.problem = JsonProblem(error);
        good = false;
        break;
      }
      if (!children_[0]->Add(one, reading, depth + 1)) {
        good = false;
        break;
      }
    }
    entries_.push_back({first, children_[0]->count() - first});
    return good;
  }

  bool AddStruct(od::value& value, Reading& reading, uint32_t depth) {
    od::object object;
    if (const auto error = value.get_object().get(object)) return Broken(reading, error);
    const size_t before = entries_.size();
    entries_.push_back({0, 0});
    bool good = true;
    for (auto member : object) {
      od::field field;
      std::string_view key;
      auto error = std::move(member).get(field);
      if (!error) error = field.unescaped_key().get(key);
      if (error) {
        reading.trouble.problem = JsonProblem(error);
        good = false;
        break;
      }
      const auto found = names_.find(std::string(key));
      if (found == names_.end()) {
        good = CheckJson(field.value(), depth + 1, reading.depth_max, &reading.trouble.problem);
      } else if (children_[found->second]->count() > before) {
        reading.trouble.problem = fmt::format("key '{}' stands twice in {}", Shorten(key), path_);
        good = false;
      } else {
        good = children_[found->second]->Add(field.value(), reading, depth + 1);
      }
      if (!good) break;
    }
    for (auto& child : children_) {
      if (child->count() == before) child->AddNull(reading.row);
    }
    return good;
  }

  bool AddMap(od::value& value, Reading& reading, uint32_t depth) {
    od::object object;
    if (const auto error = value.get_object().get(object)) return Broken(reading, error);
    const uint64_t first = children_[0]->count();
    std::vector<std::string_view> keys;
    bool good = true;
    for (auto member : object) {
      od::field field;
      std::string_view key;
      auto error = std::move(member).get(field);
      if (!error) error = field.unescaped_key().get(key);
      if (error) {
        reading.trouble.problem = JsonProblem(error);
        good = false;
        break;
      }
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) {
        reading.trouble.problem = fmt::format("key '{}' stands twice in {}", Shorten(key), path_);
        good = false;
        break;
      }
      char* copy = reading.memory->arena.Allocate(key.size());
      std::copy(key.begin(), key.end(), copy);
      keys.emplace_back(copy, key.size());
      children_[0]->AddValue(keys.back(), reading);
      if (!children_[1]->Add(field.value(), reading, depth + 1)) {
        good = false;
        break;
      }
    }
    entries_.push_back({first, children_[0]->count() - first});
    return good;
  }

  const LogicalType type_;
  const std::string path_;
  const bool key_;
  Kind kind_ = Kind::kScalar;
  TextValues values_;                                   // scalar
  std::vector<uint32_t> rows_;                          // scalar: the row of each value
  std::vector<std::pair<uint64_t, uint64_t>> entries_;  // others: first and count, or kNull
  std::vector<std::unique_ptr<Node>> children_;
  std::unordered_map<std::string, size_t> names_;  // struct
};

class JsonDecoder : public RecordDecoder {
 public:
  JsonDecoder(ColumnPlan plan, const JsonDecodeOptions& options)
      : plan_(std::move(plan)), options_(options) {
    for (size_t i = 0; i < plan_.columns.size(); ++i) {
      const PlannedColumn& column = plan_.columns[i];
      if (column.from != PlannedColumn::From::kField) continue;
      keys_[column.key] = static_cast<int>(nodes_.size());
      nodes_.push_back({i, std::make_unique<Node>(column.type, "$." + column.key)});
    }
    for (const std::string& key : plan_.known_keys) keys_.try_emplace(key, kNotWanted);
    for (const auto& [key, node] : keys_) lower_keys_.try_emplace(Lower(key), node);
  }

  Result<bool> Decode(BlockCursor* cursor, duckdb::DataChunk& out,
                      const FailedRow& failed) override {
    return CatchDuckDB([&]() -> Result<bool> { return DecodeRows(cursor, out, failed); });
  }

 private:
  static constexpr int kNotWanted = -1;
  static constexpr int kUnknown = -2;

  struct Failure {
    std::string column;
    std::string reason;
  };

  int Find(std::string_view key) {
    const auto found = keys_.find(std::string(key));
    if (found != keys_.end()) return found->second;
    const auto lower = lower_keys_.find(Lower(std::string(key)));
    const int node = lower != lower_keys_.end() ? lower->second : kUnknown;
    if (keys_.size() < 10000) keys_.emplace(key, node);
    return node;
  }

  Result<bool> DecodeRows(BlockCursor* cursor, duckdb::DataChunk& out, const FailedRow& failed);
  Status ReadDocument(const char* text, size_t size, uint64_t offset, uint32_t row);
  Status ReadMembers(od::object object, Reading& reading, uint64_t offset);
  void Rescue(uint32_t row, std::string_view path, std::string_view json) {
    std::string& members = rescued_[row];
    if (!members.empty()) members += ',';
    members += JsonString(path.starts_with("$.") ? path.substr(2) : path) + ':';
    members += json;
  }

  const ColumnPlan plan_;
  const JsonDecodeOptions options_;
  struct Column {
    size_t column;
    std::unique_ptr<Node> node;
  };
  std::vector<Column> nodes_;
  std::unordered_map<std::string, int> keys_;
  std::unordered_map<std::string, int> lower_keys_;

  // Of the chunk being filled.
  std::shared_ptr<Memory> memory_;
  od::parser parser_;
  std::vector<uint32_t> rows_;  // records
  std::map<uint32_t, Failure> dropped_;
  std::map<uint32_t, std::string> rescued_;
};

Status JsonDecoder::ReadMembers(od::object object, Reading& reading, uint64_t offset) {
  const uint32_t row = reading.row;
  Trouble& trouble = reading.trouble;
  for (auto member : object) {
    od::field field;
    std::string_view key;
    auto error = std::move(member).get(field);
    if (!error) error = field.unescaped_key().get(key);
    if (error) {
      trouble.problem = JsonProblem(error);
      return Status::Ok();
    }
    const int found = Find(key);
    if (found >= 0) {
      Node& node = *nodes_[static_cast<size_t>(found)].node;
      if (node.count() > row) {
        trouble.problem = fmt::format("key '{}' stands twice", Shorten(key));
        return Status::Ok();
      }
      node.Add(field.value(), reading, 1);
      if (plan_.rescue) {
        for (const auto& [path, value] : trouble.misfits) Rescue(row, path, value);
        trouble.misfits.clear();
        trouble.reason.clear();
      }
    } else if (found == kUnknown && options_.fail_on_new_keys) {
      return Error::User(ErrorCode::kInvalid,
                         fmt::format("the document at byte {} has a new key '{}' "
                                     "(failOnNewColumns)",
                                     offset, Shorten(key)))
          .Fix("declare the column, or choose another 'schema.evolution'");
    } else {
      const std::string name(key);
      od::value value = field.value();
      std::string_view text = ScalarToken(value);
      const bool nested = text.starts_with('{') || text.starts_with('[');
      const bool good = CheckJson(value, 1, options_.depth_max, &trouble.problem);
      if (good && found == kUnknown && plan_.rescue) {
        if (nested) text = TextUpToHere(reading, text.data());
        Rescue(row, name, text);
      }
    }
    if (trouble.broken()) return Status::Ok();
  }
  return Status::Ok();
}

// Adds one entry to every node, whatever happens.
Status JsonDecoder::ReadDocument(const char* text, size_t size, uint64_t offset, uint32_t row) {
  Reading reading{nullptr, memory_.get(), row, options_.depth_max, {}};
  od::document document;
  reading.document = &document;
  auto error = parser_.iterate(text, size, size + simdjson::SIMDJSON_PADDING).get(document);
  od::json_type type;
  if (!error) error = document.type().get(type);
  if (error) {
    reading.trouble.problem = JsonProblem(error);
  } else if (type != od::json_type::object) {
    reading.trouble.problem =
        fmt::format("an object is expected, found {}", Shorten(std::string_view(text, size)));
  } else {
    od::object object;
    if (const auto failed = document.get_object().get(object)) {
      reading.trouble.problem = JsonProblem(failed);
    } else {
      WEIR_RETURN_IF_ERROR(ReadMembers(object, reading, offset));
      if (!reading.trouble.broken() && HasMore(document)) {
        reading.trouble.problem = "not JSON: text follows the document";
      }
    }
  }
  for (auto& [column, node] : nodes_) {
    if (node->count() == row) node->AddNull(row);
  }
  if (reading.trouble.broken()) {
    rescued_.erase(row);
    dropped_[row] = {"", reading.trouble.problem};
  } else if (!reading.trouble.reason.empty() && !plan_.null_on_error) {
    const std::string& path = reading.trouble.path;
    dropped_[row] = {path.substr(2), fmt::format("{}: {}", path, reading.trouble.reason)};
  }
  return Status::Ok();
}

Result<bool> JsonDecoder::DecodeRows(BlockCursor* cursor, duckdb::DataChunk& out,
                                     const FailedRow& failed) {
  out.Reset();
  const TextBlock& block = *cursor->block;
  const TextIndex& index = block.index;
  memory_ = std::make_shared<Memory>();
  memory_->block = cursor->block;
  rows_.clear();
  dropped_.clear();
  rescued_.clear();
  for (auto& [column, node] : nodes_) node->Clear();
  while (rows_.size() < STANDARD_VECTOR_SIZE && !cursor->AtEnd()) {
    if (cursor->bad < block.bad.size()) {
      const BadRecord& bad = block.bad[cursor->bad];
      if (cursor->record >= index.records.size() ||
          bad.offset <= block.offset + index.records[cursor->record].begin) {
        ++cursor->bad;
        if (bad.record != BadRecord::kNotIndexed) ++cursor->record;
        if (!plan_.null_on_error && !failed(bad.offset, bad.length, "", bad.reason)) return false;
        continue;
      }
    }
    const size_t record = cursor->record++;
    const char* text = block.bytes.data() + index.records[record].begin;
    const char* const end = block.bytes.data() + index.EndOf(record);
    while (text < end && std::isspace(static_cast<unsigned char>(*text))) ++text;
    if (text == end) continue;
    const auto row = static_cast<uint32_t>(rows_.size());
    rows_.push_back(static_cast<uint32_t>(record));
    WEIR_RETURN_IF_ERROR(ReadDocument(text, static_cast<size_t>(end - text),
                                      block.offset + index.records[record].begin, row));
  }
  const size_t count = rows_.size();
  if (count == 0) return true;

  for (auto& [column, node] : nodes_) {
    node->Finish(
        out.data[column], memory_,
        [&](uint32_t row, const std::string& path, std::string_view value,
            const std::string& reason, bool key) {
          if (dropped_.contains(row)) return;
          if (plan_.rescue && !key) {  // of a map without a key nothing could be kept beside it
            Rescue(row, path, JsonString(value));
          } else if (!plan_.null_on_error) {
            dropped_[row] = {path.substr(2), fmt::format("{}: {}", path, reason)};
          }
        });
  }
  for (size_t c = 0; c < plan_.columns.size(); ++c) {
    const PlannedColumn& column = plan_.columns[c];
    Vector& result = out.data[c];
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t begin = index.records[rows_[i]].begin;
      switch (column.from) {
        case PlannedColumn::From::kOriginFile:
          FlatVector::GetData<int32_t>(result)[i] = plan_.file;
          break;
        case PlannedColumn::From::kOriginOffset:
          FlatVector::GetData<int64_t>(result)[i] = static_cast<int64_t>(block.offset + begin);
          break;
        case PlannedColumn::From::kOriginLength:
          FlatVector::GetData<int32_t>(result)[i] =
              static_cast<int32_t>(index.EndOf(rows_[i]) - begin);
          break;
        case PlannedColumn::From::kRescued:
          if (const auto found = rescued_.find(i); found != rescued_.end()) {
            FlatVector::GetData<duckdb::string_t>(result)[i] =
                duckdb::StringVector::AddString(result, "{" + found->second + "}");
          } else {
            FlatVector::SetNull(result, i, true);
          }
          break;
        default:
          break;
      }
    }
    if (column.from == PlannedColumn::From::kConstant) result.Reference(column.constant);
  }
  out.SetCardinality(count);
  if (!dropped_.empty()) {
    duckdb::SelectionVector kept(count);
    size_t kept_count = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (!dropped_.contains(i)) kept.set_index(kept_count++, i);
    }
    out.Slice(kept, kept_count);
    out.Flatten();
  }
  for (const auto& [row, why] : dropped_) {
    const uint32_t begin = index.records[rows_[row]].begin;
    if (!plan_.null_on_error &&
        !failed(block.offset + begin, index.EndOf(rows_[row]) - begin, why.column, why.reason)) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::unique_ptr<RecordDecoder> NewJsonDecoder(ColumnPlan plan, const JsonDecodeOptions& options) {
  return std::make_unique<JsonDecoder>(std::move(plan), options);
}

}  // namespace weir::columnar
