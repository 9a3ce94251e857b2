// Creates a stream socket for Multipath TCP, which Node cannot create.
#ifndef MULTIHOMED_STREAM_SOCKET_H
#define MULTIHOMED_STREAM_SOCKET_H

#include <napi.h>

namespace multihomed {

/** (ipv6, mptcp, netns?, device?, address?, port, backlog): the descriptor. It listens unless backlog is below 0. */
Napi::Value StreamSocket(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
