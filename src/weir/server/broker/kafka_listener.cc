#include "weir/server/broker/kafka_listener.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>

#include "weir/log/kafka/call.h"
#include "weir/server/broker/transport.h"

namespace weir::server {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using log::kafka::Response;

namespace {

// As entries of access control name it, also where a listener takes both kinds.
std::string HostOf(const tcp::socket& socket) {
  error_code ignored;
  auto address = socket.remote_endpoint(ignored).address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return address.to_string();
}

}  // namespace

class KafkaListener::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(KafkaListener& listener, tcp::socket socket, const std::string& host)
      : listener_(listener),
        transport_(std::move(socket),
                   listener.tls_ != nullptr ? listener.tls_->current() : nullptr),
        session_(std::make_shared<log::kafka::Session>()) {
    error_code ignored;
    transport_.socket().set_option(tcp::no_delay(true), ignored);
    session_->client_host = host;
    session_->endpoint = {listener.options_.advertise_host, listener.port_};
    if (!listener.options_.sasl.empty()) {
      session_->sasl = std::make_shared<log::SaslSession>(
          listener.broker_.log().state(), listener.broker_.passwords(), listener.options_.sasl,
          session_->client_host);
    }
    is_known_ = !transport_.encrypted() && session_->logged_in();
    if (!is_known_) listener_.CountLogin(host, /*came=*/true);
    in_.resize(is_known_ ? kReadBytes : kLoginReadBytes);
  }

  void Start() {
    session_->answer_room = [weak = weak_from_this()] {
      const auto self = weak.lock();
      return self ? self->AnswerRoom() : 0;
    };
    quiet_since_us_ = listener_.broker_.timers().NowUs();
    WatchIdle();
    if (!is_known_) WatchLogin();
    if (transport_.encrypted()) return Handshake();
    Read();
  }

  void Drain() {
    draining_ = true;
    if (slots_.empty()) Close();
  }

  void Close() {
    if (closed_) return;
    closed_ = true;
    error_code ignored;
    transport_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    transport_.socket().close(ignored);
    if (idle_timer_ != 0) listener_.broker_.timers().Cancel(idle_timer_);
    if (login_timer_ != 0) listener_.broker_.timers().Cancel(login_timer_);
    if (!is_known_) listener_.CountLogin(session_->client_host, /*came=*/false);
    listener_.AddUnsent(-static_cast<int64_t>(unsent_bytes_));
    listener_.large_request_bytes_ -= large_bytes_;
    listener_.Remove(shared_from_this());
  }

 private:
  static constexpr size_t kLoginReadBytes = 2 << 10;
  static constexpr size_t kLengthBytes = 4;
  // Of an answer's records, while all connections together have too much: it goes on for all.
  static constexpr uint64_t kLittleBytes = 64 << 10;
  // Answers sent with one write.
  static constexpr size_t kWritePiecesMax = 512;

  // How much a write may hand to the kernel at once. Asio's own limit is 64 KiB, after which the
  // loop waits for the socket again: sixteen times for a mebibyte.
  static constexpr size_t kWriteManyBytes = 4 << 20;

  // An answer's place in the order.
  struct Slot {
    std::optional<Response> response;
  };

  bool MayRead() const {
    // Who logs in waits for each answer: the next request may be read in another way.
    const size_t requests_max = session_->logged_in() ? listener_.options_.requests_max : 1;
    // While all connections together have too much, answers that fetch nothing count too: who has
    // some to take asks for no more.
    if (listener_.full() && unsent_bytes_ > 0) return false;
    return !closed_ && !draining_ && !ending_ && slots_.size() < requests_max &&
           unsent_bytes_ < listener_.options_.unsent_bytes_max;
  }

  uint64_t AnswerRoom() const {
    if (closed_) return 0;
    const auto left = [](uint64_t max, uint64_t used) { return max - std::min(max, used); };
    uint64_t of_all = left(listener_.options_.all_unsent_bytes_max, listener_.unsent_bytes_);
    if (of_all < kLittleBytes) of_all = unsent_bytes_ == 0 ? kLittleBytes : 0;
    return std::min(of_all, left(listener_.options_.unsent_bytes_max, unsent_bytes_));
  }

  void Handshake() {
    transport_.Handshake([self = shared_from_this()](const error_code& error) {
      if (self->closed_) return;
      if (error) {
        self->listener_.failed_handshakes_.Add();
        return self->Close();
      }
      const std::string name = self->transport_.ClientName();
      if (!name.empty()) self->session_->principal = "User:" + name;
      self->LookWhetherKnown();
      self->Read();
    });
  }

  void LookWhetherKnown() {
    if (is_known_ || closed_ || !session_->logged_in()) return;
    is_known_ = true;
    listener_.CountLogin(session_->client_host, /*came=*/false);
    listener_.broker_.timers().Cancel(login_timer_);
    login_timer_ = 0;
  }

  void WatchLogin() {
    login_timer_ =
        listener_.broker_.timers().After(listener_.options_.login_us, [weak = weak_from_this()] {
          const auto self = weak.lock();
          if (!self || self->closed_) return;
          self->login_timer_ = 0;
          self->Break("not logged in in time");
        });
  }

  uint64_t request_bytes_max() const {
    return session_->logged_in() ? listener_.broker_.options().request_bytes_max
                                 : listener_.options_.login_request_bytes_max;
  }

  void Read() {
    if (reading_ || !MayRead()) return;
    // Requests that came along with others before.
    if (TakeRequests() && !MayRead()) return;
    if (closed_) return;
    if (!MakeRoom()) return Break("too many large requests at once");
    reading_ = true;
    transport_.ReadSome(asio::buffer(in_.data() + in_end_, in_.size() - in_end_),
                        [self = shared_from_this()](const error_code& error, size_t bytes) {
                          self->reading_ = false;
                          if (self->closed_) return;
                          if (error) return self->Close();
                          self->listener_.received_bytes_.Add(bytes);
                          self->in_end_ += bytes;
                          self->active_ = true;
                          self->Read();
                        });
  }

  // Bytes of the request at the begin of the buffer, with its length; 0 if even that is not there.
  uint64_t NextRequestBytes() const {
    if (in_end_ - in_begin_ < kLengthBytes) return 0;
    uint32_t length = 0;
    std::memcpy(&length, in_.data() + in_begin_, sizeof(length));
    return kLengthBytes + uint64_t{__builtin_bswap32(length)};
  }

  // False if there is none.
  bool MakeRoom() {
    if (in_begin_ > 0) {
      std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
      in_end_ -= in_begin_;
      in_begin_ = 0;
    }
    // What is announced is not there yet: there is room for as much again as came.
    const uint64_t next = NextRequestBytes();
    uint64_t wanted =
        std::max<uint64_t>(is_known_ ? kReadBytes : kLoginReadBytes,
                           std::min<uint64_t>(next, std::max<uint64_t>(kReadBytes, 2 * in_end_)));
    // A rare large request does not hold its memory for ever.
    const bool shrink = in_.size() > kKeptBytes && wanted == kReadBytes && in_end_ < kReadBytes;
    if (!shrink) wanted = std::max<uint64_t>(wanted, in_.size());
    if (in_end_ == wanted) wanted *= 2;
    const uint64_t large = wanted > kKeptBytes || next > kReadBytes ? wanted : 0;
    const uint64_t others = listener_.large_request_bytes_ - large_bytes_;
    if (large > large_bytes_ && others + large > listener_.options_.large_request_bytes_max) {
      return false;
    }
    listener_.large_request_bytes_ = others + large;
    large_bytes_ = large;
    if (in_.size() != wanted) in_.resize(wanted);
    if (shrink) in_.shrink_to_fit();
    return true;
  }

  // Hands on what is complete. True if there was any.
  bool TakeRequests() {
    bool any = false;
    while (MayRead()) {
      const uint64_t bytes = NextRequestBytes();
      if (bytes == 0) break;
      const uint64_t body = bytes - kLengthBytes;
      if (body > request_bytes_max()) {
        Break("a request of " + std::to_string(body) + " bytes");
        break;
      }
      if (in_end_ - in_begin_ < bytes) break;
      const std::string_view request(in_.data() + in_begin_ + kLengthBytes, body);
      in_begin_ += bytes;
      any = true;
      listener_.requests_.Add();
      const auto slot = std::make_shared<Slot>();
      slots_.push_back(slot);
      log::kafka::Dispatch(listener_.broker_, session_, request,
                           [self = shared_from_this(), slot](Response response) {
                             self->Answer(slot, std::move(response));
                           });
    }
    return any;
  }

  void Answer(const std::shared_ptr<Slot>& slot, Response response) {
    if (closed_) return;
    if (response.kind == Response::Kind::kClose) return Break(response.why);
    LookWhetherKnown();
    AddUnsent(static_cast<int64_t>(response.bytes.size()));
    slot->response = std::move(response);
    if (slots_.front() == slot) Write();
  }

  void AddUnsent(int64_t bytes) {
    unsent_bytes_ += static_cast<uint64_t>(bytes);
    listener_.AddUnsent(bytes);
  }

  void Break(const std::string& why) {
    listener_.broken_.Add();
    End(why);
  }

  void End(const std::string& why) {
    listener_.Report("connection of " + session_->client_host + " (client id '" +
                     session_->client_id + "') closed: " + why);
    Close();
  }

  void Write() {
    if (writing_ || closed_) return;
    sending_.clear();
    pieces_.clear();
    while (!ending_ && !slots_.empty() && slots_.front()->response &&
           pieces_.size() < kWritePiecesMax) {
      sending_.push_back(std::move(*slots_.front()->response));
      ending_ = sending_.back().then_close;
      slots_.pop_front();
      sending_.back().bytes.ForEachPiece(
          [&](std::string_view piece) { pieces_.emplace_back(piece.data(), piece.size()); });
    }
    if (pieces_.empty()) {
      // Requests that wanted no answer.
      if (draining_ && slots_.empty()) Close();
      return;
    }
    // Pieces point into sending_, which stays as it is until they are sent.
    writing_ = true;
    written_bytes_ = 0;
    took_ = true;  // its time begins now
    transport_.Write(
        pieces_,
        [this](const error_code& error, size_t bytes) {
          if (bytes > written_bytes_) took_ = true;
          written_bytes_ = bytes;
          return error ? 0 : kWriteManyBytes;
        },
        [self = shared_from_this()](const error_code& error, size_t bytes) {
          self->writing_ = false;
          if (self->closed_) return;
          if (error) return self->Close();
          self->listener_.sent_bytes_.Add(bytes);
          self->AddUnsent(-static_cast<int64_t>(bytes));
          self->active_ = true;
          if (self->ending_) return self->Break(self->sending_.back().why);
          self->Write();
          if (self->closed_) return;
          if (self->draining_ && self->slots_.empty() && !self->writing_) {
            return self->Close();
          }
          self->Read();
        });
  }

  // A connection without any byte in or out for idle_us ends, while nothing is asked of it; and one
  // whose client takes nothing of what is written, whatever it sends meanwhile.
  void WatchIdle() {
    const ListenerOptions& options = listener_.options_;
    const int64_t often_us = std::min(options.idle_us, options.stalled_when_full_us);
    idle_timer_ = listener_.broker_.timers().After(often_us, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->closed_) return;
      self->idle_timer_ = 0;
      self->LookWhetherIdle();
      if (!self->closed_) self->WatchIdle();
    });
  }

  void LookWhetherIdle() {
    const ListenerOptions& options = listener_.options_;
    const int64_t now_us = listener_.broker_.timers().NowUs();
    const int64_t stalled_us = listener_.full() ? options.stalled_when_full_us : options.stalled_us;
    if (writing_ ? std::exchange(took_, false) : std::exchange(active_, false)) {
      quiet_since_us_ = now_us;
    } else if (writing_ && now_us - quiet_since_us_ >= stalled_us) {
      listener_.stalled_.Add();
      End("its client took nothing of " + std::to_string(unsent_bytes_) + " bytes for " +
          std::to_string((now_us - quiet_since_us_) / 1'000'000) + " s");
    } else if (!writing_ && slots_.empty() && now_us - quiet_since_us_ >= options.idle_us) {
      Close();
    }
  }

  KafkaListener& listener_;
  Transport transport_;
  std::shared_ptr<log::kafka::Session> session_;
  std::string in_;
  size_t in_begin_ = 0;  // what was not handed on yet
  size_t in_end_ = 0;
  std::deque<std::shared_ptr<Slot>> slots_;
  std::vector<Response> sending_;
  std::vector<asio::const_buffer> pieces_;
  uint64_t unsent_bytes_ = 0;
  uint64_t written_bytes_ = 0;  // by the write that is under way
  uint64_t large_bytes_ = 0;    // of in_, if it is a large one
  int64_t quiet_since_us_ = 0;
  log::Timers::Id idle_timer_ = 0;
  log::Timers::Id login_timer_ = 0;
  bool is_known_ = false;  // shook hands and logged in, as far as the listener asks for it
  bool active_ = false;    // bytes came or went since one looked
  bool took_ = false;      // its client took some
  bool reading_ = false;
  bool writing_ = false;
  bool draining_ = false;
  bool ending_ = false;
  bool closed_ = false;
};

KafkaListener::KafkaListener(asio::io_context& loop, log::kafka::Broker& broker,
                             ListenerOptions options, const TlsContext* tls)
    : broker_(broker),
      options_(std::move(options)),
      tls_(tls),
      acceptor_(loop),
      requests_(broker.metrics().GetCounter("weir_kafka_requests_total", "Requests received.")),
      received_bytes_(broker.metrics().GetCounter("weir_kafka_received_bytes_total",
                                                  "Bytes received from clients.")),
      sent_bytes_(
          broker.metrics().GetCounter("weir_kafka_sent_bytes_total", "Bytes sent to clients.")),
      refused_(broker.metrics().GetCounter("weir_kafka_connections_refused_total",
                                           "Connections closed at once: there were too many.")),
      broken_(broker.metrics().GetCounter(
          "weir_kafka_connections_broken_total",
          "Connections closed because what came was no request that is served.")),
      stalled_(broker.metrics().GetCounter(
          "weir_kafka_connections_stalled_total",
          "Connections closed because their clients took nothing of their answers.")),
      failed_handshakes_(broker.metrics().GetCounter(
          "weir_kafka_tls_handshakes_failed_total", "Connections that did not get as far as TLS.")),
      open_(broker.metrics().GetGauge("weir_kafka_connections", "Open connections.")),
      unsent_(broker.metrics().GetGauge("weir_kafka_unsent_bytes",
                                        "Bytes of answers that clients did not take yet.")) {}

KafkaListener::~KafkaListener() { Close(); }

Status KafkaListener::Listen() {
  const std::string where = options_.host + ":" + std::to_string(options_.port);
  error_code error;
  const auto address = asio::ip::make_address(options_.host, error);
  if (error) {
    return Error::User(ErrorCode::kInvalid, "no IP address to listen on")
        .At(where)
        .Fix("give an address of this machine, as 127.0.0.1 or 0.0.0.0");
  }
  const tcp::endpoint endpoint(address, options_.port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Error::User(ErrorCode::kConflict, "can't listen: " + error.message())
        .At(where)
        .Fix("stop what listens there, or give another --listen");
  }
  port_ = acceptor_.local_endpoint().port();
  Accept();
  return Status::Ok();
}

bool KafkaListener::MayCome(const std::string& host) const {
  if (connections_.size() >= options_.connections_max || logins_ >= options_.logins_max) {
    return false;
  }
  const auto of_host = logins_of_host_.find(host);
  return of_host == logins_of_host_.end() || of_host->second < options_.logins_of_host_max;
}

void KafkaListener::CountLogin(const std::string& host, bool came) {
  size_t& of_host = logins_of_host_[host];
  if (came) {
    logins_ += 1;
    of_host += 1;
    return;
  }
  logins_ -= 1;
  of_host -= 1;
  if (of_host == 0) logins_of_host_.erase(host);
}

void KafkaListener::Accept() {
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || draining_) return;
    if (!error) {
      const std::string host = HostOf(socket);
      if (!MayCome(host)) {
        refused_.Add();
        error_code ignored;
        socket.close(ignored);
      } else {
        const auto connection = std::make_shared<Connection>(*this, std::move(socket), host);
        connections_.insert(connection);
        open_.Add(1);
        connection->Start();
      }
      return Accept();
    }
    // Out of file descriptors, most likely: not in a tight loop.
    broker_.timers().After(100'000, [this] { Accept(); });
  });
}

void KafkaListener::Remove(const std::shared_ptr<Connection>& connection) {
  if (connections_.erase(connection) > 0) open_.Add(-1);
}

void KafkaListener::AddUnsent(int64_t bytes) {
  unsent_bytes_ += static_cast<uint64_t>(bytes);
  unsent_.Add(static_cast<double>(bytes));
}

void KafkaListener::Report(const std::string& line) {
  const int64_t second = broker_.timers().NowUs() / 1'000'000;
  if (second != report_second_) {
    if (reports_ > kReportsPerSecond) {
      broker_.Report("and " + std::to_string(reports_ - kReportsPerSecond) +
                     " more connections closed");
    }
    report_second_ = second;
    reports_ = 0;
  }
  reports_ += 1;
  if (reports_ > kReportsPerSecond) return;
  // Some of it a stranger said: it begins no line of its own, and says nothing to a terminal.
  std::string shown = line;
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  broker_.Report(shown);
}

void KafkaListener::Drain() {
  draining_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  const auto connections = connections_;
  for (const auto& connection : connections) connection->Drain();
}

void KafkaListener::EndConnections() {
  const auto connections = connections_;
  for (const auto& connection : connections) connection->Close();
}

void KafkaListener::Close() {
  draining_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  EndConnections();
}

}  // namespace weir::server
