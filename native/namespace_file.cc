#include "namespace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "error.h"
#include "namespace.h"

namespace multihomed {

namespace {

/** Reads to the end, because files of /proc do not report their size. */
Failure Read(const std::string& path, std::string* content) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.open()) return {errno, "open"};
  char part[16 * 1024];
  for (;;) {
    ssize_t got = read(file.get(), part, sizeof part);
    if (got == 0) return {};
    if (got > 0) content->append(part, static_cast<size_t>(got));
    if (got < 0 && errno != EINTR) return {errno, "read"};
  }
}

}  // namespace

Napi::Value ReadInNamespace(const Napi::CallbackInfo& info) {
  std::string path;
  std::string netns;
  if (!info[0].IsString()) {
    ThrowTypeError(info.Env(), "path must be a string");
    return Napi::Value();
  }
  if (!OptionalPath(info[0], "path", &path) || !OptionalPath(info[1], "netns", &netns)) return Napi::Value();
  std::string content;
  Failure failure = InNamespace(netns, [&] { return Read(path, &content); });
  if (failure.failed()) {
    ThrowSystemError(info.Env(), failure, netns.empty() ? path : path + ' ' + netns);
    return Napi::Value();
  }
  return Napi::String::New(info.Env(), content);
}

}  // namespace multihomed
