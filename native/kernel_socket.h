// A netlink socket and its system calls; nothing of JavaScript, nothing of messages.
#ifndef MULTIHOMED_KERNEL_SOCKET_H
#define MULTIHOMED_KERNEL_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <memory>
#include <vector>

#include "descriptor.h"

namespace multihomed {

/** What one readiness brought. */
struct Batch {
  size_t used = 0;
  /** Offset and length of each datagram, flattened. */
  std::vector<uint32_t> spans;
  /** The kernel dropped messages, or one did not fit. */
  bool overrun = false;
  /** An error was read off the socket, whatever it meant. */
  bool error_seen = false;
  /** errno of a socket that cannot be used any more. */
  int broken = 0;
};

class KernelSocket {
 public:
  static constexpr size_t kWindow = 128 * 1024;

  /** `receive_buffer` in bytes; 0 leaves the system's default. */
  Failure Open(int protocol, uint32_t receive_buffer);
  void Close() { fd_.Reset(); }

  int fd() const { return fd_.get(); }
  uint32_t port_id() const { return port_id_; }
  uint32_t receive_buffer() const { return receive_buffer_; }
  uint64_t netns_cookie() const { return netns_cookie_; }
  /** Datagrams that came from another process and were dropped. */
  uint32_t foreign() const { return foreign_; }

  Failure Membership(int option, uint32_t group);
  /** `program`: an array of struct sock_filter. */
  Failure Filter(void* program, uint16_t instructions);
  /** May keep its caller for as long as the kernel's handler runs: not for the event loop's thread. */
  int Send(const std::vector<uint8_t>& bytes, const std::atomic<bool>& cancelled) const;
  /** Reads until there is nothing more, or enough for one turn. */
  void Receive(Batch* batch);
  const uint8_t* received() const { return buffer_.get(); }

 private:
  bool ReadOne(Batch* batch, int* idle_errors);

  Descriptor fd_;
  uint32_t port_id_ = 0;
  uint32_t receive_buffer_ = 0;
  uint64_t netns_cookie_ = 0;
  uint32_t foreign_ = 0;
  std::unique_ptr<uint8_t[]> buffer_;
  size_t capacity_ = 0;
  /** Room that must be left before another datagram is read. */
  size_t window_ = kWindow;
};

}  // namespace multihomed

#endif
