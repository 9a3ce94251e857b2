// Functions that Node lacks for unix sockets and files: datagrams, the peer's credentials, locks.
#ifndef MULTIHOMED_UNIX_SOCKET_H
#define MULTIHOMED_UNIX_SOCKET_H

#include <napi.h>

namespace multihomed {

/** (path, bytes): sends a datagram; a path that begins with @ is an abstract name, unix(7). */
Napi::Value SendDatagram(const Napi::CallbackInfo& info);
/** (fd): { pid, uid, gid } of the peer of a unix socket, SO_PEERCRED. */
Napi::Value PeerCredentials(const Napi::CallbackInfo& info);
/** (fd): locks the file exclusively, flock(2); false if another process has locked it. */
Napi::Value Flock(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
