#include "weir/connect/http_post.h"

#include <curl/curl.h>

#include <memory>

namespace weir::connect {

namespace {

constexpr size_t kAnswerBytesKept = 200;

size_t KeepBeginning(char* data, size_t size, size_t count, void* target) {
  auto* kept = static_cast<std::string*>(target);
  const size_t bytes = size * count;
  if (kept->size() < kAnswerBytesKept) {
    kept->append(data, std::min(bytes, kAnswerBytesKept - kept->size()));
  }
  return bytes;
}

}  // namespace

Status HttpPost(const std::string& url, const std::string& content_type, const std::string& body,
                int timeout_ms) {
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
  if (!curl) return Error::Bug("libcurl can't start");
  const std::string header = "Content-Type: " + content_type;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(
      curl_slist_append(nullptr, header.c_str()), &curl_slist_free_all);
  std::string answer;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_ms));
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, KeepBeginning);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) {
    return Error::Retry(ErrorCode::kIo, std::string("POST failed: ") + curl_easy_strerror(code))
        .At(url);
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300) return Status::Ok();
  std::string message = "the server answered " + std::to_string(status) + ": " + answer;
  if (status >= 500) return Error::Retry(ErrorCode::kIo, std::move(message)).At(url);
  return Error::User(ErrorCode::kInvalid, std::move(message)).At(url);
}

}  // namespace weir::connect
