// Creates stream sockets for Multipath TCP and datagram sockets bound to a device, which Node cannot create.
#ifndef MULTIHOMED_STREAM_SOCKET_H
#define MULTIHOMED_STREAM_SOCKET_H

#include <napi.h>

namespace multihomed {

/** (ipv6, mptcp, netns?, device?, address?, port, backlog): the descriptor. It listens unless backlog is below 0. */
Napi::Value StreamSocket(const Napi::CallbackInfo& info);

/**
 * (ipv6, protocol, netns?, device?, address?): the descriptor. UDP (17), or a ping socket: ICMP (1) or ICMPv6 (58),
 * icmp(7).
 */
Napi::Value DatagramSocket(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
