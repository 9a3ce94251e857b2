// Creates stream sockets for Multipath TCP and ping sockets, which Node cannot create.
#ifndef MULTIHOMED_STREAM_SOCKET_H
#define MULTIHOMED_STREAM_SOCKET_H

#include <napi.h>

namespace multihomed {

/** (ipv6, mptcp, netns?, device?, address?, port, backlog): the descriptor. It listens unless backlog is below 0. */
Napi::Value StreamSocket(const Napi::CallbackInfo& info);

/** (ipv6, netns?, device?, address?): the descriptor of a datagram socket for ICMP echo, icmp(7). */
Napi::Value PingSocket(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
