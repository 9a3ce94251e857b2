#include "kernel_socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <new>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace multihomed {

namespace {

// Datagrams of a dump have at most 32 KiB, notifications rarely more than 64 KiB. Unused pages take no memory.
constexpr size_t kCapacity = 4 * KernelSocket::kWindow;
constexpr size_t kMaxWindow = 16 * 1024 * 1024;
// Limits per turn of the event loop, so that its other handles are not delayed.
constexpr size_t kMaxDatagrams = 512;
constexpr int kMaxReads = 1024;
// After this number of errors without a datagram in between, the socket is considered broken.
constexpr int kMaxIdleErrors = 32;

Failure SetOption(int fd, int option) {
  int on = 1;
  if (setsockopt(fd, SOL_NETLINK, option, &on, sizeof on) == 0) return {};
  if (errno == ENOPROTOOPT) return {};
  return {errno, "setsockopt"};
}

}  // namespace

Failure KernelSocket::Open(int protocol, uint32_t receive_buffer) {
  fd_ = Descriptor(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!fd_.open()) return {errno, "socket"};
  for (int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
    Failure failure = SetOption(fd_.get(), option);
    if (failure.failed()) return failure;
  }
  if (receive_buffer > 0) {
    int wanted = static_cast<int>(receive_buffer);
    // FORCE needs CAP_NET_ADMIN in the initial user namespace; SO_RCVBUF is capped by net.core.rmem_max.
    if (setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0 &&
        setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted) != 0) {
      return {errno, "setsockopt"};
    }
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {errno, "bind"};
  socklen_t length = sizeof address;
  if (getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return {errno, "getsockname"};
  port_id_ = address.nl_pid;

  int granted = 0;
  length = sizeof granted;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &granted, &length) != 0) return {errno, "getsockopt"};
  receive_buffer_ = static_cast<uint32_t>(granted);
  length = sizeof netns_cookie_;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_NETNS_COOKIE, &netns_cookie_, &length) != 0) netns_cookie_ = 0;
  return {};
}

Failure KernelSocket::Membership(int option, uint32_t group) {
  if (setsockopt(fd_.get(), SOL_NETLINK, option, &group, sizeof group) == 0) return {};
  return {errno, "setsockopt"};
}

Failure KernelSocket::Filter(void* program, uint16_t instructions) {
  sock_fprog filter{instructions, static_cast<sock_filter*>(program)};
  if (setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0) return {};
  return {errno, "setsockopt"};
}

int KernelSocket::SendOnce(const std::vector<uint8_t>& bytes) const {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof kernel;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  for (;;) {
    if (sendmsg(fd_.get(), &message, MSG_NOSIGNAL) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

int KernelSocket::Send(const std::vector<uint8_t>& bytes, const std::atomic<bool>& cancelled) const {
  while (!cancelled.load()) {
    int error = SendOnce(bytes);
    if (error != EAGAIN) return error;
    pollfd writable{fd_.get(), POLLOUT, 0};
    poll(&writable, 1, 100);
  }
  return ECANCELED;
}

void KernelSocket::Receive(Batch* batch) {
  if (capacity_ < 2 * window_) {
    capacity_ = window_ > kWindow ? 2 * window_ : kCapacity;
    buffer_.reset(new (std::nothrow) uint8_t[capacity_]);
    if (!buffer_) {
      capacity_ = 0;
      batch->broken = ENOMEM;
      return;
    }
  }
  int idle_errors = 0;
  for (int reads = 0; reads < kMaxReads; reads++) {
    if (capacity_ - batch->used < window_ || batch->spans.size() >= 2 * kMaxDatagrams) return;
    if (!ReadOne(batch, &idle_errors)) return;
  }
}

bool KernelSocket::ReadOne(Batch* batch, int* idle_errors) {
  sockaddr_nl sender{};
  iovec part{buffer_.get() + batch->used, capacity_ - batch->used};
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof sender;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  // MSG_TRUNC: returns the full length of the datagram even if it did not fit.
  ssize_t length = recvmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_TRUNC);
  if (length < 0) {
    if (errno == EAGAIN) return false;
    if (errno == EINTR) return true;
    batch->error_seen = true;
    bool lasting = errno == EBADF || errno == ENOTSOCK || errno == EFAULT;
    if (lasting || ++*idle_errors > kMaxIdleErrors) {
      batch->broken = errno;
      return false;
    }
    // EINVAL: a dump that the sending thread had already finished (netlink_dump()); nothing is lost.
    if (errno != EINVAL) batch->overrun = true;
    return true;
  }
  *idle_errors = 0;
  if (message.msg_namelen != sizeof sender || sender.nl_pid != 0) {
    foreign_++;
    return true;
  }
  size_t size = static_cast<size_t>(length);
  if ((message.msg_flags & MSG_TRUNC) != 0 || size > part.iov_len) {
    batch->overrun = true;
    // The next turn uses a larger buffer, up to a size that no kernel sends.
    if (size <= window_ || size > kMaxWindow) return true;
    window_ = size;
    return false;
  }
  batch->spans.push_back(static_cast<uint32_t>(batch->used));
  batch->spans.push_back(static_cast<uint32_t>(size));
  batch->used += size;
  return true;
}

}  // namespace multihomed
