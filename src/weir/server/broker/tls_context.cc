#include "weir/server/broker/tls_context.h"

namespace weir::server {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

namespace {

Error BadFile(const char* what, const std::string& path, const error_code& error) {
  return Error::User(ErrorCode::kInvalid, std::string("no ") + what + ": " + error.message())
      .At(path)
      .Fix("give a PEM file that weir may read");
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::Load(const TlsOptions& options) {
  std::unique_ptr<TlsContext> context(new TlsContext(options));
  WEIR_RETURN_IF_ERROR(context->Reload());
  return context;
}

Status TlsContext::Reload() {
  const auto made = std::make_shared<ssl::context>(ssl::context::tls_server);
  error_code error;
  made->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                        ssl::context::no_sslv3 | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 |
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION,
                    error);
  SSL_CTX_set_mode(made->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  // An encrypted key must not make the library ask on the terminal.
  made->set_password_callback([](size_t, ssl::context::password_purpose) { return std::string(); },
                              error);
  made->use_certificate_chain_file(options_.certificate, error);
  if (error) return BadFile("certificate", options_.certificate, error);
  made->use_private_key_file(options_.key, ssl::context::pem, error);
  if (error) return BadFile("key of the certificate", options_.key, error);
  if (asks_for_certificates()) {
    made->load_verify_file(options_.client_ca, error);
    if (error) return BadFile("certificates of authorities", options_.client_ca, error);
    made->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
    // The list of names that clients choose their certificate by.
    SSL_CTX_set_client_CA_list(made->native_handle(),
                               SSL_load_client_CA_file(options_.client_ca.c_str()));
    // Sessions of clients with certificates are resumed in this context only.
    const unsigned char kSessions[] = "weir";
    SSL_CTX_set_session_id_context(made->native_handle(), kSessions, sizeof(kSessions) - 1);
  }
  current_ = made;
  return Status::Ok();
}

}  // namespace weir::server
