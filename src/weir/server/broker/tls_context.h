// TlsContext: the certificate and key that TLS listeners show, and whose clients' certificates they
// take. New connections get what was loaded last; those that are there keep what they have.
//
// TLS 1.2 and above; no renegotiation.
// Thread rule: the event loop's thread.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/ssl/context.hpp>

#include "weir/base/result.h"

namespace weir::server {

struct TlsOptions {
  std::string certificate;  // PEM file: the server's, then those between it and its root
  std::string key;          // PEM file, not encrypted
  // PEM file of the authorities whose clients may connect: with it a client must show a
  // certificate. "": clients need none.
  std::string client_ca;

  bool given() const { return !certificate.empty(); }
};

class TlsContext {
 public:
  // kUser errors name the file.
  static Result<std::unique_ptr<TlsContext>> Load(const TlsOptions& options);

  // Reads the files again. If one is wrong, all stays as it is.
  Status Reload();
  const std::shared_ptr<boost::asio::ssl::context>& current() const { return current_; }
  bool asks_for_certificates() const { return !options_.client_ca.empty(); }

 private:
  explicit TlsContext(TlsOptions options) : options_(std::move(options)) {}

  const TlsOptions options_;
  std::shared_ptr<boost::asio::ssl::context> current_;
};

}  // namespace weir::server
