#include "weir/sql/prepared.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "weir/columnar/types.h"
#include "weir/sql/contract_of.h"
#include "weir/sql/row_origin.h"
#include "weir/sql/staged_rows.h"

namespace weir::sql {

using columnar::QuoteName;

namespace {

// Words separated by one blank, comments gone: equal for queries that differ in layout only.
std::string Normalised(const Fragment& fragment) {
  auto tokens = Tokenize({"", fragment.text});
  if (!tokens.ok()) return fragment.text;
  std::string out;
  for (const Token& token : *tokens) {
    if (token.kind == TokenKind::kEnd) break;
    if (!out.empty()) out += ' ';
    out += fragment.text.substr(token.begin, token.end - token.begin);
  }
  return out;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// A view or a flow, for putting them in order.
struct Step {
  std::string name;  // of the view or of the table that the flow fills
  const ViewStatement* view = nullptr;
  const Flow* flow = nullptr;
  std::set<std::string> mentions;  // lower-case names
  const Fragment& query() const { return view != nullptr ? view->query : flow->query; }
};

class Preparer {
 public:
  Preparer(Session& session, const Project& project, columnar::Catalog& catalog, int64_t now_us)
      : session_(session), project_(project), catalog_(catalog), now_us_(now_us) {}

  Result<PreparedProject> Run() {
    prepared_.project = &project_;
    for (const MacroStatement* macro : project_.macros) {
      WEIR_RETURN_IF_ERROR(session_.DefineMacro(*macro));
    }
    WEIR_RETURN_IF_ERROR(FindSinks());
    for (const TableStatement* source : project_.sources) {
      if (sinks_.count(source) > 0) WEIR_RETURN_IF_ERROR(DeclareSink(*source));
      if (sinks_.count(source) == 0 || read_.count(ToLower(source->name)) > 0) {
        WEIR_RETURN_IF_ERROR(OpenSource(*source));
      }
    }
    for (const TopicStatement* topic : project_.topics) {
      WEIR_RETURN_IF_ERROR(PrepareTopic(*topic));
    }
    for (const TableStatement* table : project_.tables) {
      if (table->materialized) continue;  // its schema is known with its flow's
      WEIR_RETURN_IF_ERROR(DeclareTable(*table));
    }
    WEIR_ASSIGN_OR_RETURN(std::vector<Step> steps, OrderedSteps());
    for (const Step& step : steps) {
      if (step.view != nullptr) {
        WEIR_RETURN_IF_ERROR(session_.DefineView(*step.view, now_us_));
        prepared_.views.push_back(step.view);
        views_[ToLower(step.name)] = &step;
      } else {
        WEIR_RETURN_IF_ERROR(PrepareFlow(step));
      }
    }
    KeepOrder();
    for (const auto& [key, relation] : prepared_.relations) {
      if (relation.source != nullptr) continue;
      WEIR_RETURN_IF_ERROR(
          session_.DefineParquet(relation.declared->name, nullptr, relation.schema, {}, 0));
    }
    for (const QueryStatement* query : project_.queries) {
      if (ToLower(query->query.text.substr(0, 6)) != "select") continue;
      WEIR_RETURN_IF_ERROR(session_.Bind(query->query, now_us_).status());
    }
    return std::move(prepared_);
  }

 private:
  // Tables with a connector that INSERTs fill, and which names queries read.
  Status FindSinks() {
    for (const Flow& flow : project_.flows) {
      if (flow.external) sinks_.emplace(flow.target, columnar::Schema());
    }
    if (sinks_.empty()) return Status::Ok();
    const auto read = [this](const Fragment& query) -> Status {
      WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names, session_.TablesIn(query));
      for (const std::string& name : names) read_.insert(ToLower(name));
      return Status::Ok();
    };
    for (const ViewStatement* view : project_.views) WEIR_RETURN_IF_ERROR(read(view->query));
    for (const QueryStatement* query : project_.queries) WEIR_RETURN_IF_ERROR(read(query->query));
    for (const Flow& flow : project_.flows) WEIR_RETURN_IF_ERROR(read(flow.query));
    for (const TableStatement* table : project_.tables) {
      for (const guard::Check& check : table->checks) read_.insert(ToLower(check.reference_table));
    }
    return Status::Ok();
  }

  Status DeclareSink(const TableStatement& table) {
    WEIR_ASSIGN_OR_RETURN(const columnar::SourceDeclaration declaration, Declaration(table));
    auto columns = catalog_.DeclareSink(declaration);
    if (!columns.ok()) return PlacedAtOption(table, std::move(columns).error());
    WEIR_ASSIGN_OR_RETURN(sinks_[&table], Stored(*columns, table));
    return Status::Ok();
  }

  // CREATE TOPIC ... WITH: how to reach the cluster, the number of partitions, settings.
  Status PrepareTopic(const TopicStatement& topic) {
    PreparedTopic out;
    out.declared = &topic;
    out.topic.name = topic.name;
    columnar::SourceDeclaration declaration;
    declaration.name = topic.name;
    declaration.base_folder = project_.folder;
    for (const auto& [key, value] : topic.options) {
      auto expanded = ExpandVariables(session_.engine().env(), value);
      if (!expanded.ok()) {
        return std::move(expanded).error().At(topic.source->file).While("option '" + key + "'");
      }
      if (key == "partitions" || key == "replication.factor") {
        int number = 0;
        const std::string& text = *expanded;
        const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
        if (end.ec != std::errc() || end.ptr != text.data() + text.size() || number < 1) {
          return ErrorAt(*topic.source, topic.option_places.at(key), ErrorCode::kInvalid,
                         "option '" + key + "' must be a number from 1, not '" + text + "'");
        }
        (key == "partitions" ? out.topic.partitions : out.topic.replication_factor) = number;
        continue;
      }
      if (key != "connector" && key != "data" && !key.starts_with("properties.")) {
        out.topic.configs[key] = *expanded;
      }
      declaration.options[key] = std::move(expanded).value();
    }
    if (declaration.options.count("connector") == 0) {
      const bool far = declaration.options.count("properties.bootstrap.servers") > 0;
      declaration.options["connector"] = far ? "kafka" : "topic";
    }
    auto admin = catalog_.Topics(declaration);
    if (!admin.ok()) {
      return PlacedAtOption(*topic.source, topic.option_places, "topic " + topic.name,
                            std::move(admin).error());
    }
    out.admin = std::move(admin).value();
    prepared_.topics.push_back(std::move(out));
    return Status::Ok();
  }

  Result<columnar::SourceDeclaration> Declaration(const TableStatement& table) {
    columnar::SourceDeclaration declaration;
    declaration.name = table.name;
    declaration.base_folder = project_.folder;
    declaration.primary_key = table.primary_key;
    const bool filled = sinks_.count(&table) > 0;
    for (const auto& [key, value] : table.options) {
      if (filled && IsOptionOfFlow(key)) continue;
      auto expanded = ExpandVariables(session_.engine().env(), value);
      if (!expanded.ok()) {
        return std::move(expanded).error().At(table.source->file).While("option '" + key + "'");
      }
      declaration.options[key] = std::move(expanded).value();
    }
    WEIR_ASSIGN_OR_RETURN(declaration.columns, DeclaredSchema(session_, table));
    for (const ColumnDefinition& column : table.columns) {
      if (!column.is_metadata) continue;
      WEIR_ASSIGN_OR_RETURN(duckdb::LogicalType type,
                            ParseType(session_.connection(), column.type));
      declaration.metadata.push_back(
          {column.name, column.metadata, std::move(type), column.is_virtual});
    }
    return declaration;
  }

  // Of the flow that fills a table, not of its connector.
  static bool IsOptionOfFlow(const std::string& key) {
    return key == "flow.id" || key == "parses" || key == "contract" ||
           key.starts_with("quarantine.");
  }

  Status OpenSource(const TableStatement& table) {
    WEIR_ASSIGN_OR_RETURN(const columnar::SourceDeclaration declaration, Declaration(table));
    auto source = catalog_.OpenSource(declaration);
    if (!source.ok()) return PlacedAtOption(table, std::move(source).error());
    Relation relation;
    relation.declared = &table;
    relation.source = std::move(source).value();
    relation.schema = relation.source->schema();
    WEIR_RETURN_IF_ERROR(session_.DefineScan(table, relation.schema, nullptr, 0, nullptr));
    prepared_.relations[ToLower(table.name)] = std::move(relation);
    return Status::Ok();
  }

  // An error about "option 'format'" gets the place of 'format' in the file.
  static Error PlacedAtOption(const TableStatement& table, Error error) {
    return PlacedAtOption(*table.source, table.option_places, "table " + table.name,
                          std::move(error));
  }
  static Error PlacedAtOption(const SourceText& source,
                              const std::map<std::string, size_t>& option_places,
                              const std::string& what, Error error) {
    for (const auto& [key, at] : option_places) {
      if (error.actor() != Actor::kUser) break;
      if (error.message().find("option '" + key + "'") == std::string::npos) continue;
      return ErrorAt(source, at, error.code(), what + ": " + error.message()).Fix(error.fix());
    }
    return std::move(error).While(what).At(source.file);
  }

  Status DeclareTable(const TableStatement& table) {
    WEIR_ASSIGN_OR_RETURN(std::optional<columnar::Schema> declared,
                          DeclaredSchema(session_, table));
    WEIR_ASSIGN_OR_RETURN(columnar::Schema schema, Stored(*declared, table));
    return AddTable(table, std::move(schema));
  }

  Status AddTable(const TableStatement& table, columnar::Schema schema) {
    // While flows are prepared a scan that shows in their plans.
    TableStatement plain;
    plain.name = table.name;
    WEIR_RETURN_IF_ERROR(session_.DefineScan(plain, schema, nullptr, 0, nullptr));
    Relation relation;
    relation.declared = &table;
    relation.schema = std::move(schema);
    prepared_.relations[ToLower(table.name)] = std::move(relation);
    return Status::Ok();
  }

  Result<columnar::Schema> Stored(const columnar::Schema& schema, const TableStatement& table) {
    columnar::Schema stored;
    for (const columnar::Field& field : schema.fields) {
      auto type = columnar::StorableType(field.type, field.name);
      if (!type.ok()) {
        return std::move(type).error().While("table " + table.name).At(table.source->file);
      }
      stored.fields.push_back({field.name, std::move(type).value(), field.nullable});
    }
    return stored;
  }

  // --- order ---
  Result<std::vector<Step>> OrderedSteps() {
    std::vector<Step> steps;
    for (const ViewStatement* view : project_.views) {
      steps.push_back({view->name, view, nullptr, {}});
    }
    for (const Flow& flow : project_.flows) steps.push_back({flow.table, nullptr, &flow, {}});
    for (Step& step : steps) {
      WEIR_ASSIGN_OR_RETURN(std::vector<std::string> names, session_.TablesIn(step.query()));
      for (const std::string& name : names) step.mentions.insert(ToLower(name));
      for (const guard::Check& check : ChecksOf(step)) {
        if (!check.reference_table.empty()) step.mentions.insert(ToLower(check.reference_table));
      }
    }
    std::vector<Step> ordered;
    std::set<const void*> done;
    while (ordered.size() < steps.size()) {
      const size_t before = ordered.size();
      for (const Step& step : steps) {
        const void* key = step.view != nullptr ? static_cast<const void*>(step.view) : step.flow;
        if (done.count(key) > 0 || !Ready(step, steps, done)) continue;
        done.insert(key);
        ordered.push_back(step);
      }
      if (ordered.size() == before) return Cycle(steps, done);
    }
    return ordered;
  }

  static const std::vector<guard::Check>& ChecksOf(const Step& step) {
    static const std::vector<guard::Check> kNone;
    return step.flow != nullptr ? step.flow->target->checks : kNone;
  }

  // Everything that it mentions and that other steps make is there.
  static bool Ready(const Step& step, const std::vector<Step>& steps,
                    const std::set<const void*>& done) {
    for (const Step& other : steps) {
      if (&other == &step || step.mentions.count(ToLower(other.name)) == 0) continue;
      const void* key = other.view != nullptr ? static_cast<const void*>(other.view) : other.flow;
      if (done.count(key) == 0) return false;
    }
    return step.mentions.count(ToLower(step.name)) == 0;
  }

  static Error Cycle(const std::vector<Step>& steps, const std::set<const void*>& done) {
    for (const Step& step : steps) {
      const void* key = step.view != nullptr ? static_cast<const void*>(step.view) : step.flow;
      if (done.count(key) > 0) continue;
      std::string others;
      for (const std::string& name : step.mentions) others += (others.empty() ? "" : ", ") + name;
      return step.query()
          .ErrorHere(0, ErrorCode::kInvalid,
                     "'" + step.name + "' depends on itself, through " + others)
          .Fix("a table can't be computed from itself; break the circle");
    }
    return Error::Bug("no cycle among the steps");
  }

  // --- flows ---
  Status PrepareFlow(const Step& step) {
    const Flow& flow = *step.flow;
    const TableStatement& table = *flow.target;
    PreparedFlow out;
    out.flow = &flow;
    WEIR_ASSIGN_OR_RETURN(BoundQuery bound, session_.Bind(flow.query, now_us_));
    WEIR_RETURN_IF_ERROR(CheckColumnNames(flow, bound.schema));
    out.query_schema = bound.schema;
    NarrowSums(flow, out.query_schema);
    WEIR_RETURN_IF_ERROR(TargetSchema(flow, out));
    out.primary_key = table.primary_key;
    out.partition_columns = table.partition_columns;
    WEIR_RETURN_IF_ERROR(CheckNames(flow, out.schema, out.primary_key, "PRIMARY KEY"));
    WEIR_RETURN_IF_ERROR(CheckNames(flow, out.schema, out.partition_columns, "PARTITIONED BY"));
    WEIR_ASSIGN_OR_RETURN(out.contract, ContractOf(table));
    WEIR_RETURN_IF_ERROR(CheckContractColumns(table, out.contract, out.schema));
    WEIR_RETURN_IF_ERROR(
        session_.BindConditions(out.schema, RowConditions(table), now_us_).status());
    WEIR_RETURN_IF_ERROR(CheckOwnNames(flow, out));
    if (flow.external) WEIR_RETURN_IF_ERROR(CheckOnlyAdds(flow, out.contract));
    std::set<std::string> inputs;
    std::set<std::string> views;
    CollectInputs(step, inputs, views);
    // No mention tells what query_table('...') reads.
    for (const std::string& name : NamesRead(*bound.plan, session_.scans())) {
      if (const Relation* relation = prepared_.Find(name)) inputs.insert(relation->declared->name);
    }
    out.inputs.assign(inputs.begin(), inputs.end());
    out.origins = OriginNames(*bound.plan, session_.scans());
    out.needs_order =
        !out.primary_key.empty() ||
        std::any_of(out.contract.checks.begin(), out.contract.checks.end(),
                    [](const auto& check) { return check.kind == guard::CheckKind::kUnique; });
    out.event_time_column = EventTimeColumn(out);
    out.keep_order = flow.external;  // records stand in the order of their rows
    if (flow.external) WEIR_RETURN_IF_ERROR(CheckRowWise(flow, out, *bound.plan));
    out.definition = Definition(out, views);
    if (prepared_.Find(table.name) == nullptr) {
      WEIR_RETURN_IF_ERROR(AddTable(table, out.schema));
    }
    prepared_.flows.push_back(std::move(out));
    return Status::Ok();
  }

  // Where rows are put aside or sorted, they stand beside columns of ours.
  static Status CheckOwnNames(const Flow& flow, const PreparedFlow& out) {
    if (out.primary_key.empty() && !NeedsStaging(out.contract)) return Status::Ok();
    for (const columnar::Field& field : out.schema.fields) {
      if (!ToLower(field.name).starts_with("__weir_")) continue;
      return flow.text
          .ErrorHere(0, ErrorCode::kInvalid,
                     "table " + flow.table + " has a column '" + field.name +
                         "'; with a key or a check over many rows, names that begin with __weir_ "
                         "are Weir's own")
          .Fix("give the column another name");
    }
    return Status::Ok();
  }

  // Rows of a table that can only be added to, and not be read by its own flow.
  static Status CheckOnlyAdds(const Flow& flow, const guard::Contract& contract) {
    for (const guard::Check& check : contract.checks) {
      if (check.kind != guard::CheckKind::kUnique) continue;
      return flow.text
          .ErrorHere(0, ErrorCode::kUnsupported,
                     "constraint '" + check.name + "': UNIQUE can't be kept in " + flow.table +
                         ", whose rows of before are not read")
          .Fix("put a managed table with this constraint in between, and INSERT from that");
    }
    return Status::Ok();
  }

  // Aggregates and their like change rows that were written before.
  Status CheckRowWise(const Flow& flow, const PreparedFlow& out,
                      const duckdb::LogicalOperator& plan) {
    std::string why;
    for (const std::string& input : out.inputs) {
      const RowWiseVerdict verdict = ClassifyRowWise(plan, session_.scans(), {input});
      if (verdict.verdict == RowWise::kRowWise) return Status::Ok();
      if (verdict.verdict == RowWise::kNot && why.empty()) why = verdict.reason;
    }
    if (why.empty()) return Status::Ok();  // reads nothing, or looks things up only
    return flow.query
        .ErrorHere(0, ErrorCode::kUnsupported,
                   "rows of " + flow.table +
                       " can only be added, and this query changes rows "
                       "that were written before (" +
                       why + ")")
        .Fix(
            "compute it into a MATERIALIZED TABLE, and INSERT from queries that give rows for "
            "rows");
  }

  // Finds the tables that have to keep the order of their rows: from the flows that need it back to
  // the sources.
  void KeepOrder() {
    bool more = true;
    while (more) {
      more = false;
      for (const PreparedFlow& reader : prepared_.flows) {
        if (!reader.needs_order && !reader.keep_order) continue;
        for (PreparedFlow& writer : prepared_.flows) {
          if (writer.keep_order || writer.origins.empty() ||
              writer.schema.Find(columnar::kOrderColumn) >= 0 ||
              reader.origins.count(writer.flow->target->name) == 0) {
            continue;
          }
          more = writer.keep_order = true;
        }
      }
    }
  }

  // DuckDB's sum of integers is a HUGEINT; a table stores it as BIGINT and an overflow is an error.
  // A query that names HUGEINT itself means it.
  static void NarrowSums(const Flow& flow, columnar::Schema& schema) {
    if (ToLower(flow.query.text).find("hugeint") != std::string::npos) return;
    for (columnar::Field& field : schema.fields) {
      if (field.type.id() == duckdb::LogicalTypeId::HUGEINT) {
        field.type = duckdb::LogicalType::BIGINT;
      }
    }
  }

  static std::vector<Fragment> RowConditions(const TableStatement& table) {
    std::vector<Fragment> conditions;
    for (size_t i = 0; i < table.checks.size(); ++i) {
      if (table.checks[i].kind != guard::CheckKind::kRow) continue;
      Fragment condition = table.check_places[i];
      condition.text = table.checks[i].expression;
      conditions.push_back(std::move(condition));
    }
    return conditions;
  }

  static Status CheckColumnNames(const Flow& flow, const columnar::Schema& schema) {
    std::set<std::string> seen;
    for (const columnar::Field& field : schema.fields) {
      if (seen.insert(ToLower(field.name)).second) continue;
      return flow.query
          .ErrorHere(0, ErrorCode::kInvalid, "the query has two columns named '" + field.name + "'")
          .Fix("name the columns, or leave one out: SELECT * EXCLUDE (" + field.name + ")");
    }
    return Status::Ok();
  }

  static Status CheckNames(const Flow& flow, const columnar::Schema& schema,
                           const std::vector<std::string>& names, const std::string& clause) {
    for (const std::string& name : names) {
      if (schema.Find(name) >= 0) continue;
      Error error =
          flow.text.ErrorHere(0, ErrorCode::kNotFound,
                              clause + ": table " + flow.table + " has no column '" + name + "'");
      const std::string hint = DidYouMean(name, schema.Names());
      if (hint.empty()) return error;
      return std::move(error).Fix(hint);
    }
    return Status::Ok();
  }

  // The stored columns: the declared ones, filled by name (materialized) or position (INSERT), or
  // simply those of the query.
  Status TargetSchema(const Flow& flow, PreparedFlow& out) {
    const TableStatement& table = *flow.target;
    if (const auto sink = sinks_.find(&table); sink != sinks_.end()) {
      out.schema = sink->second;
      return MatchInsert(flow, out);
    }
    WEIR_ASSIGN_OR_RETURN(std::optional<columnar::Schema> declared,
                          DeclaredSchema(session_, table));
    if (!declared) {
      WEIR_ASSIGN_OR_RETURN(out.schema, Stored(out.query_schema, table));
      return Status::Ok();
    }
    WEIR_ASSIGN_OR_RETURN(out.schema, Stored(*declared, table));
    if (!table.materialized) return MatchInsert(flow, out);
    for (const columnar::Field& field : out.schema.fields) {
      if (out.query_schema.Find(field.name) >= 0) continue;
      Error error =
          flow.query.ErrorHere(0, ErrorCode::kNotFound,
                               "the query gives no column '" + field.name + "' for " + table.name);
      const std::string hint = DidYouMean(field.name, out.query_schema.Names());
      if (hint.empty()) return error;
      return std::move(error).Fix(hint);
    }
    return Status::Ok();
  }

  // INSERT INTO t (a, b) SELECT x, y: by position; columns not named become NULL.
  static Status MatchInsert(const Flow& flow, PreparedFlow& out) {
    std::vector<std::string> names = flow.insert_columns;
    if (names.empty()) names = out.schema.Names();
    if (names.size() != out.query_schema.fields.size()) {
      return flow.query.ErrorHere(0, ErrorCode::kInvalid,
                                  "the query gives " +
                                      std::to_string(out.query_schema.fields.size()) +
                                      " columns, INSERT INTO " + flow.table + " needs " +
                                      std::to_string(names.size()) + ": " + Joined(names));
    }
    for (size_t i = 0; i < names.size(); ++i) {
      const bool again =
          std::any_of(names.begin(), names.begin() + static_cast<ptrdiff_t>(i),
                      [&](const std::string& other) { return EqualsIgnoreCase(names[i], other); });
      if (again) {
        return flow.text
            .ErrorHere(0, ErrorCode::kInvalid,
                       "INSERT INTO " + flow.table + " names column '" + names[i] + "' twice")
            .Fix("name each column once, in the order of the query's columns");
      }
      if (out.schema.Find(names[i]) < 0) {
        return flow.text
            .ErrorHere(0, ErrorCode::kNotFound,
                       "table " + flow.table + " has no column '" + names[i] + "'")
            .Fix(DidYouMean(names[i], out.schema.Names()));
      }
      out.query_schema.fields[i].name = names[i];
    }
    return Status::Ok();
  }

  void CollectInputs(const Step& step, std::set<std::string>& inputs,
                     std::set<std::string>& views) {
    for (const std::string& name : step.mentions) {
      if (auto view = views_.find(name); view != views_.end()) {
        if (views.insert(name).second) CollectInputs(*view->second, inputs, views);
      } else if (const Relation* relation = prepared_.Find(name)) {
        inputs.insert(relation->declared->name);
      }
    }
  }

  std::string EventTimeColumn(const PreparedFlow& flow) const {
    for (const std::string& input : flow.inputs) {
      const Relation* relation = prepared_.Find(input);
      if (relation == nullptr || !relation->declared->watermark) continue;
      const std::string& column = relation->declared->watermark->column;
      if (flow.schema.Find(column) >= 0) return column;
    }
    return "";
  }

  // The macros that a definition calls, and those that they call.
  std::string MacrosOf(const std::string& definition) const {
    std::string out;
    std::set<const MacroStatement*> called;
    for (bool more = true; more;) {
      more = false;
      for (const MacroStatement* macro : project_.macros) {
        if (called.count(macro) > 0 || !Calls(definition + out, macro->name)) continue;
        called.insert(macro);
        out += "\nMACRO " + Normalised(macro->text);
        more = true;
      }
    }
    return out;
  }

  static bool Calls(const std::string& text, const std::string& name) {
    const auto tokens = Tokenize({"", text});
    return !tokens.ok() || std::any_of(tokens->begin(), tokens->end(), [&](const Token& token) {
      return EqualsIgnoreCase(token.text, name);
    });
  }

  std::string Definition(const PreparedFlow& flow, const std::set<std::string>& views) const {
    std::string out = Normalised(flow.flow->query);
    if (!flow.flow->insert_columns.empty()) {
      out += "\nINTO (" + Joined(flow.flow->insert_columns) + ")";
    }
    for (const std::string& name : views) {
      const ViewStatement& view = *views_.at(name)->view;
      const std::string columns = view.columns.empty() ? "" : " (" + Joined(view.columns) + ")";
      out += "\nVIEW " + name + columns + " AS " + Normalised(view.query);
    }
    for (const std::string& name : flow.inputs) {
      for (const ColumnDefinition& column : prepared_.Find(name)->declared->columns) {
        if (column.computed.empty()) continue;
        out += "\nCOLUMN " + name + "." + column.name + " AS " + Normalised(column.computed);
      }
    }
    out += MacrosOf(out);
    if (!flow.primary_key.empty()) out += "\nPRIMARY KEY (" + Joined(flow.primary_key) + ")";
    if (!flow.partition_columns.empty()) {
      out += "\nPARTITIONED BY (" + Joined(flow.partition_columns) + ")";
    }
    return out;
  }

  Session& session_;
  const Project& project_;
  columnar::Catalog& catalog_;
  const int64_t now_us_;
  PreparedProject prepared_;
  std::map<const TableStatement*, columnar::Schema> sinks_;  // with a connector, filled by INSERT
  std::set<std::string> read_;  // lower-case names in queries; filled if there are such sinks
  std::map<std::string, const Step*> views_;  // by lower-case name; steps outlive it in Run
};

}  // namespace

std::string PreparedFlow::SelectSql(const std::string& query_text) const {
  std::string columns;
  for (const columnar::Field& field : schema.fields) {
    const int from = query_schema.Find(field.name);
    const std::string value = from < 0 ? "NULL" : "q." + QuoteName("c" + std::to_string(from));
    columns += (columns.empty() ? "" : ", ");
    columns += "CAST(" + value + " AS " + field.type.ToString() + ") AS " + QuoteName(field.name);
  }
  std::string aliases;
  for (size_t i = 0; i < query_schema.fields.size(); ++i) {
    aliases += (i ? ", " : "") + QuoteName("c" + std::to_string(i));
  }
  return "SELECT " + columns + " FROM (" + query_text + "\n) AS q(" + aliases + ")";
}

const Relation* PreparedProject::Find(const std::string& name) const {
  auto it = relations.find(ToLower(name));
  return it == relations.end() ? nullptr : &it->second;
}

Result<PreparedProject> PrepareProject(Session& session, const Project& project,
                                       columnar::Catalog& catalog, int64_t now_us) {
  return Preparer(session, project, catalog, now_us).Run();
}

}  // namespace weir::sql
