#include "unix_socket.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "error.h"

namespace multihomed {

Napi::Value SendDatagram(const Napi::CallbackInfo& info) {
  std::string path;
  uint8_t* data = nullptr;
  size_t length = 0;
  if (!info[0].IsString()) {
    ThrowTypeError(info.Env(), "path must be a string");
    return Napi::Value();
  }
  if (!OptionalPath(info[0], "path", &path) || !Bytes(info[1], "bytes", &data, &length)) return Napi::Value();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    ThrowSystemError(info.Env(), {ENAMETOOLONG, "sendto"}, path);
    return Napi::Value();
  }
  memcpy(address.sun_path, path.data(), path.size());
  // unix(7): an abstract name begins with NUL, and its length is given by the address length.
  bool abstract = path[0] == '@';
  if (abstract) address.sun_path[0] = '\0';
  socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));

  Descriptor fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.open()) {
    ThrowSystemError(info.Env(), {errno, "socket"}, path);
    return Napi::Value();
  }
  ssize_t sent;
  do {
    sent = sendto(fd.get(), data, length, MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), size);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) ThrowSystemError(info.Env(), {errno, "sendto"}, path);
  return Napi::Value();
}

Napi::Value PeerCredentials(const Napi::CallbackInfo& info) {
  double fd = 0;
  if (!WholeNumber(info[0], "fd", 0, INT32_MAX, &fd)) return Napi::Value();
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(static_cast<int>(fd), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    ThrowSystemError(info.Env(), {errno, "getsockopt"});
    return Napi::Value();
  }
  Napi::Object credentials = Napi::Object::New(info.Env());
  credentials.Set("pid", static_cast<double>(peer.pid));
  credentials.Set("uid", static_cast<double>(peer.uid));
  credentials.Set("gid", static_cast<double>(peer.gid));
  return credentials;
}

Napi::Value Flock(const Napi::CallbackInfo& info) {
  double fd = 0;
  if (!WholeNumber(info[0], "fd", 0, INT32_MAX, &fd)) return Napi::Value();
  int result;
  do {
    result = flock(static_cast<int>(fd), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result == 0 || errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), result == 0);
  ThrowSystemError(info.Env(), {errno, "flock"});
  return Napi::Value();
}

}  // namespace multihomed
