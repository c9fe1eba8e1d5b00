// weir topic transactions: what is open, who opened it, and how it is ended.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "weir/cli/terminal.h"
#include "weir/cli/topic/topic_command.h"
#include "weir/observe/quantity.h"
#include "weir/observe/text_table.h"
#include "weir/sql/lexer.h"

namespace weir::cli {

namespace {

using observe::TextTable;
using server::KafkaAdmin;
using server::TransactionInfo;

struct TransactionFlags {
  bool all = false;
  std::string abort;
  std::string format = "text";

  bool json() const { return format == "json"; }
};

std::string PartitionsText(const TransactionInfo& transaction) {
  std::string text;
  for (const auto& partition : transaction.partitions) {
    text += (text.empty() ? "" : " ") + partition.ToString();
  }
  return text;
}

// Its transactional id or, of one without, its producer's number.
std::string OwnerOf(const TransactionInfo& transaction) {
  return transaction.id.empty() ? std::to_string(transaction.producer_id) : transaction.id;
}

Result<int> Abort(KafkaAdmin& admin, const TransactionFlags& flags,
                  const std::vector<TransactionInfo>& transactions) {
  std::vector<std::string> owners;
  for (const TransactionInfo& transaction : transactions) {
    if (OwnerOf(transaction) != flags.abort) {
      if (transaction.IsOpen()) owners.push_back(OwnerOf(transaction));
      continue;
    }
    if (!transaction.IsOpen()) {
      return Error::User(ErrorCode::kNotFound,
                         "'" + flags.abort + "' has no open transaction: " + transaction.state);
    }
    WEIR_RETURN_IF_ERROR(admin.Abort(transaction));
    if (flags.json()) {
      PrintJson({{"transaction", flags.abort}, {"aborted", true}});
    } else {
      fmt::print("the transaction of {} is aborted; its producer is told at its next request\n",
                 flags.abort);
    }
    return 0;
  }
  const std::string near = sql::DidYouMean(flags.abort, owners);
  return Error::User(ErrorCode::kNotFound, "nobody named '" + flags.abort + "' has a transaction")
      .Fix(near.empty() ? "`weir topic transactions` shows what is open" : near);
}

Result<int> Run(const TopicFlags& where, const TransactionFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const TopicSession session, OpenTopics(where));
  KafkaAdmin& admin = *session.admin;
  WEIR_ASSIGN_OR_RETURN(const auto transactions, admin.Transactions(true));
  if (!flags.abort.empty()) return Abort(admin, flags, transactions);
  TextTable table({{"owner"},
                   {"state"},
                   {"open for", TextTable::kRight},
                   {"timeout", TextTable::kRight, 5},
                   {"holds back", TextTable::kRight},
                   {"partitions"},
                   {"producer", TextTable::kRight, 4},
                   {"epoch", TextTable::kRight, 3}});
  OrderedJson json = OrderedJson::array();
  const int64_t now_ms = RealEnv().NowMicros() / 1000;
  for (const TransactionInfo& transaction : transactions) {
    if (!flags.all && !transaction.IsOpen()) continue;
    const bool has_begun = transaction.IsOpen() && transaction.started_ms >= 0;
    const double seconds =
        has_begun ? static_cast<double>(now_ms - transaction.started_ms) / 1000 : 0;
    table.Add({OwnerOf(transaction), transaction.state, has_begun ? observe::Seconds(seconds) : "",
               transaction.timeout_ms > 0
                   ? observe::Seconds(static_cast<double>(transaction.timeout_ms) / 1000)
                   : "",
               transaction.IsOpen() ? observe::Count(transaction.held_back) : "",
               PartitionsText(transaction), std::to_string(transaction.producer_id),
               std::to_string(transaction.producer_epoch)});
    OrderedJson partitions = OrderedJson::array();
    for (const auto& partition : transaction.partitions) {
      partitions.push_back({{"topic", partition.topic}, {"partition", partition.partition}});
    }
    OrderedJson row = {{"owner", OwnerOf(transaction)},
                       {"transactional_id", transaction.id},
                       {"state", transaction.state},
                       {"producer_id", transaction.producer_id},
                       {"producer_epoch", transaction.producer_epoch},
                       {"timeout_ms", transaction.timeout_ms}};
    row["open_seconds"] = has_begun ? OrderedJson(seconds) : OrderedJson();
    row["held_back_records"] = transaction.held_back;
    row["partitions"] = std::move(partitions);
    json.push_back(std::move(row));
  }
  if (flags.json()) {
    PrintJson(json);
  } else if (table.empty()) {
    fmt::print("no transaction is open\n");
  } else {
    fmt::print("{}", table.ToString(TerminalWidth(1)));
    if (!flags.all) fmt::print("to end one: weir topic transactions --abort OWNER\n");
  }
  return 0;
}

}  // namespace

void AddTopicTransactionCommands(CLI::App& topic, Outcome& outcome, TopicFlags& where) {
  auto flags = std::make_shared<TransactionFlags>();
  CLI::App& command = AddTopicSubcommand(
      topic, outcome, where, "transactions", "open transactions and their owners; aborts one",
      &flags->format, [&where, flags] { return Run(where, *flags); });
  command.add_flag("--all", flags->all, "ended ones too, as long as they are remembered");
  command.add_option("--abort", flags->abort,
                     "end the open transaction of this owner; the owner is fenced off");
  AddFormatTo(command, flags->format);
}

}  // namespace weir::cli
