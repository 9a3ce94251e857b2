// Functions that Node lacks for unix sockets and files: datagrams, the peer's credentials, locks.
#ifndef MULTIHOMED_UNIX_SOCKET_H
#define MULTIHOMED_UNIX_SOCKET_H

#include <napi.h>

namespace multihomed {

Napi::Value SendDatagram(const Napi::CallbackInfo& info);
Napi::Value PeerCredentials(const Napi::CallbackInfo& info);
Napi::Value Flock(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
