// A netlink socket and its system calls, without JavaScript and without decoding of messages.
#ifndef MULTIHOMED_KERNEL_SOCKET_H
#define MULTIHOMED_KERNEL_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <memory>
#include <vector>

#include "descriptor.h"

namespace multihomed {

/** The result of reading the socket once it became readable. */
struct Batch {
  size_t used = 0;
  /** Flat list of the offset and length of each datagram. */
  std::vector<uint32_t> spans;
  /** The kernel dropped messages, or a datagram was truncated. */
  bool overrun = false;
  /** An error was read from the socket, of any kind. */
  bool error_seen = false;
  /** The errno of a socket that has become unusable; otherwise 0. */
  int broken = 0;
};

class KernelSocket {
 public:
  static constexpr size_t kWindow = 128 * 1024;

  /** `receive_buffer` is in bytes; 0 keeps the system's default. */
  Failure Open(int protocol, uint32_t receive_buffer);
  void Close() { fd_.Reset(); }

  int fd() const { return fd_.get(); }
  uint32_t port_id() const { return port_id_; }
  uint32_t receive_buffer() const { return receive_buffer_; }
  uint64_t netns_cookie() const { return netns_cookie_; }
  /** Number of datagrams from other processes, which are dropped. */
  uint32_t foreign() const { return foreign_; }

  Failure Membership(int option, uint32_t group);
  /** `program` is an array of struct sock_filter. */
  Failure Filter(void* program, uint16_t instructions);
  /** Blocks while the kernel's handler runs. Returns the errno, EAGAIN when the socket's buffer is full. */
  int SendOnce(const std::vector<uint8_t>& bytes) const;
  /** Like SendOnce, but waits for space in the buffer. Not for the event loop's thread. */
  int Send(const std::vector<uint8_t>& bytes, const std::atomic<bool>& cancelled) const;
  /** Reads until the socket is empty, or until the limit of one turn of the event loop. */
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
  /** Free space that is required before another datagram is read. */
  size_t window_ = kWindow;
};

}  // namespace multihomed

#endif
