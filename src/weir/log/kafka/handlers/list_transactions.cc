// ListTransactions (66): transactional ids by state, producer, how long they are open, and pattern.
#include <re2/re2.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/list_transactions.h"

namespace weir::log::kafka {
namespace {

// Kafka's; those between prepared and complete do not occur here.
constexpr const char* kStates[] = {
    "Empty",          "Ongoing",       "PrepareCommit",     "PrepareAbort",
    "CompleteCommit", "CompleteAbort", "PrepareEpochFence", "Dead"};

template <typename T>
bool PassesFilter(const std::set<T>& wanted, const T& value) {
  return wanted.empty() || wanted.count(value) > 0;
}

void Handle(const CallPtr& call) {
  ListTransactionsRequest request;
  if (!call->Decode(&request)) return;
  ListTransactionsResponse response;
  for (const std::string& state : request.state_filters) {
    if (std::find(std::begin(kStates), std::end(kStates), state) == std::end(kStates)) {
      response.unknown_state_filters.push_back(state);
    }
  }
  std::optional<re2::RE2> pattern;
  if (request.transactional_id_pattern && !request.transactional_id_pattern->empty()) {
    pattern.emplace(*request.transactional_id_pattern, re2::RE2::Quiet);
    if (!pattern->ok()) {
      response.error_code = CodeOf(KafkaError::kInvalidRegularExpression);
      return call->Respond(response);
    }
  }
  const std::set<std::string> states(request.state_filters.begin(), request.state_filters.end());
  const std::set<int64_t> producers(request.producer_id_filters.begin(),
                                    request.producer_id_filters.end());
  const int64_t now_ms = call->broker().NowMs();
  for (const auto& [id, transaction] : call->broker().transactions().all()) {
    const std::string state = TransactionStateName(transaction.state);
    if (!PassesFilter(states, state)) continue;
    if (!PassesFilter(producers, transaction.producer.id)) continue;
    if (request.duration_filter >= 0 &&
        (transaction.start_ms < 0 || now_ms - transaction.start_ms <= request.duration_filter)) {
      continue;
    }
    if (pattern && !re2::RE2::FullMatch(id, *pattern)) continue;
    if (!call->AllowsTransactionalId(AclOperation::kDescribe, id)) continue;
    response.transaction_states.push_back({id, transaction.producer.id, state});
  }
  call->Respond(response);
}

}  // namespace

const Handler kListTransactionsHandler = {ApiKey::kListTransactions, 0, 2, &Handle};

}  // namespace weir::log::kafka
