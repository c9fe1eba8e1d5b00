#include "weir/server/config/listen_address.h"

#include <algorithm>
#include <cctype>

#include <boost/asio/ip/address.hpp>

namespace weir::server {
namespace {

struct Scheme {
  const char* name;
  bool tls;
  bool sasl;
};
// The first of each kind is how we write it.
constexpr Scheme kSchemes[] = {{"plaintext", false, false}, {"sasl", false, true},
                               {"tls", true, false},        {"sasl+tls", true, true},
                               {"ssl", true, false},        {"sasl_plaintext", false, true},
                               {"sasl_ssl", true, true},    {"tls+sasl", true, true}};

Error Invalid(const std::string& text) {
  return Error::User(ErrorCode::kInvalid, "no address to listen on: '" + text + "'")
      .Fix("write an IP address and a port, as 127.0.0.1:9092 or sasl+tls://0.0.0.0:9093");
}

bool ParsePort(const std::string& text, uint16_t* port) {
  if (text.empty() || text.size() > 5) return false;
  uint32_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + static_cast<uint32_t>(c - '0');
  }
  *port = static_cast<uint16_t>(number);
  return number <= 65'535;
}

}  // namespace

bool ListenAddress::is_loopback() const {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  return !error && address.is_loopback();
}

std::string ListenAddress::Text(uint16_t given_port) const {
  std::string text;
  for (const Scheme& scheme : kSchemes) {
    if (scheme.tls != tls || scheme.sasl != sasl) continue;
    if (tls || sasl) text = std::string(scheme.name) + "://";
    break;
  }
  const bool v6 = host.find(':') != std::string::npos;
  return text + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(given_port);
}

Result<ListenAddress> ParseListenAddress(const std::string& text) {
  ListenAddress address;
  std::string rest = text;
  if (const size_t mark = text.find("://"); mark != std::string::npos) {
    std::string name = text.substr(0, mark);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto* scheme = std::find_if(std::begin(kSchemes), std::end(kSchemes),
                                      [&](const Scheme& known) { return name == known.name; });
    if (scheme == std::end(kSchemes)) {
      return Error::User(ErrorCode::kInvalid, "no way to listen: '" + name + "' in '" + text + "'")
          .Fix("write nothing, sasl://, tls:// or sasl+tls:// before the address");
    }
    address.tls = scheme->tls;
    address.sasl = scheme->sasl;
    rest = text.substr(mark + 3);
  }
  const size_t colon = rest.rfind(':');
  if (colon == std::string::npos || !ParsePort(rest.substr(colon + 1), &address.port)) {
    return Invalid(text);
  }
  std::string host = rest.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty() || host == "localhost") host = "127.0.0.1";
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  if (error) return Invalid(text);
  address.host = host;
  return address;
}

Result<ListenAddress> ParseHttpAddress(const std::string& text) {
  ListenAddress address;
  if (ParsePort(text, &address.port)) return address;
  WEIR_ASSIGN_OR_RETURN(address, ParseListenAddress(text));
  if (address.sasl) {
    return Error::User(ErrorCode::kInvalid, "HTTP has no SASL: '" + text + "'")
        .Fix("write a port, an address and a port, or tls:// before them");
  }
  return address;
}

}  // namespace weir::server
