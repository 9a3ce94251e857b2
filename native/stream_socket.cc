#include "stream_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <string>

#include "error.h"
#include "namespace.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

namespace multihomed {

namespace {

struct Options {
  bool ipv6 = false;
  int type = SOCK_STREAM;
  int protocol = IPPROTO_MPTCP;
  std::string netns;
  std::string device;
  std::string address;
  uint16_t port = 0;
  int backlog = -1;
};

/** Returns false for an address of another family, or with a zone that is not an interface of this namespace. */
bool Address(const Options& options, sockaddr_storage* storage, socklen_t* length) {
  if (!options.ipv6) {
    auto* to = reinterpret_cast<sockaddr_in*>(storage);
    to->sin_family = AF_INET;
    to->sin_port = htons(options.port);
    *length = sizeof *to;
    return inet_pton(AF_INET, options.address.c_str(), &to->sin_addr) == 1;
  }
  auto* to = reinterpret_cast<sockaddr_in6*>(storage);
  to->sin6_family = AF_INET6;
  to->sin6_port = htons(options.port);
  *length = sizeof *to;
  size_t zone = options.address.find('%');
  if (zone != std::string::npos) {
    to->sin6_scope_id = if_nametoindex(options.address.c_str() + zone + 1);
    if (to->sin6_scope_id == 0) return false;
  }
  return inet_pton(AF_INET6, options.address.substr(0, zone).c_str(), &to->sin6_addr) == 1;
}

Failure Make(const Options& options, Descriptor* made) {
  Descriptor fd(
      socket(options.ipv6 ? AF_INET6 : AF_INET, options.type | SOCK_CLOEXEC | SOCK_NONBLOCK, options.protocol));
  if (!fd.open()) return {errno, "socket"};
  int on = 1;
  if (options.backlog >= 0 && setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
    return {errno, "setsockopt"};
  }
  // The kernel truncates longer names and would bind to another interface.
  if (options.device.size() >= IFNAMSIZ) return {ENODEV, "setsockopt"};
  if (!options.device.empty() && setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, options.device.c_str(),
                                            static_cast<socklen_t>(options.device.size())) != 0) {
    return {errno, "setsockopt"};
  }
  if (!options.address.empty()) {
    sockaddr_storage address{};
    socklen_t length = 0;
    if (!Address(options, &address, &length)) return {EINVAL, "bind"};
    if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return {errno, "bind"};
  }
  if (options.backlog >= 0 && listen(fd.get(), options.backlog) != 0) return {errno, "listen"};
  *made = std::move(fd);
  return {};
}

/** Throws the error of the kernel, with address, device and namespace as its subject. */
Napi::Value Open(Napi::Env env, const Options& options) {
  Descriptor made;
  Failure failure = InNamespace(options.netns, [&] { return Make(options, &made); });
  if (!failure.failed()) return Napi::Number::New(env, made.Release());
  std::string subject;
  for (const std::string* part : {&options.address, &options.device, &options.netns}) {
    if (!subject.empty() && !part->empty()) subject += ' ';
    subject += *part;
  }
  ThrowSystemError(env, failure, subject);
  return Napi::Value();
}

}  // namespace

Napi::Value DatagramSocket(const Napi::CallbackInfo& info) {
  Options options;
  double protocol = 0;
  if (!info[0].IsBoolean()) {
    ThrowTypeError(info.Env(), "ipv6 must be a boolean");
    return Napi::Value();
  }
  options.ipv6 = info[0].As<Napi::Boolean>();
  options.type = SOCK_DGRAM;
  if (!WholeNumber(info[1], "protocol", 1, 255, &protocol) || !OptionalPath(info[2], "netns", &options.netns) ||
      !OptionalPath(info[3], "device", &options.device) || !OptionalPath(info[4], "address", &options.address)) {
    return Napi::Value();
  }
  options.protocol = static_cast<int>(protocol);
  return Open(info.Env(), options);
}

Napi::Value StreamSocket(const Napi::CallbackInfo& info) {
  Options options;
  double port = 0;
  double backlog = 0;
  if (!info[0].IsBoolean() || !info[1].IsBoolean()) {
    ThrowTypeError(info.Env(), "ipv6 and mptcp must be booleans");
    return Napi::Value();
  }
  options.ipv6 = info[0].As<Napi::Boolean>();
  options.protocol = info[1].As<Napi::Boolean>() ? IPPROTO_MPTCP : static_cast<int>(IPPROTO_TCP);
  if (!OptionalPath(info[2], "netns", &options.netns) || !OptionalPath(info[3], "device", &options.device) ||
      !OptionalPath(info[4], "address", &options.address) || !WholeNumber(info[5], "port", 0, 65535, &port) ||
      !WholeNumber(info[6], "backlog", -1, INT32_MAX, &backlog)) {
    return Napi::Value();
  }
  options.port = static_cast<uint16_t>(port);
  options.backlog = static_cast<int>(backlog);
  return Open(info.Env(), options);
}

}  // namespace multihomed
