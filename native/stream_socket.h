// A stream socket that speaks Multipath TCP, which Node cannot make.
#ifndef MULTIHOMED_STREAM_SOCKET_H
#define MULTIHOMED_STREAM_SOCKET_H

#include <napi.h>

namespace multihomed {

/** (ipv6, mptcp, netns?, device?, address?, port, backlog): the descriptor. A backlog below 0: does not listen. */
Napi::Value StreamSocket(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
