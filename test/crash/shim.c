/*
 * Preloaded into a real daemon (LD_PRELOAD): kills it before, during or after its Nth request to the kernel or step of
 * writing its journal, and shifts its clocks. MULTIHOMED_SHIM names a file of 64-bit words that both sides map; shim.ts
 * has the same words. Only sendmsg() is intercepted; tests check the counters, so they fail if the daemon sends in
 * another way.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { CHANGE = 1, QUESTION = 2, JOURNAL = 4 };
enum { BEFORE, AFTER, MIDST };
enum { TRACED = 8192 };

struct words {
  /** Classes of points that are counted down. */
  uint64_t classes;
  /** Points until the kill, including the last one; 0: it is not killed. */
  uint64_t left;
  uint64_t when;
  int64_t wall_offset;
  int64_t monotonic_offset;
  /** Nonzero: it is stopped (SIGSTOP) before the point instead of being killed. */
  uint64_t stops;
  /** Nonzero: a client stops (SIGSTOP) before it connects to a daemon. */
  uint64_t halts;
  uint64_t points;
  /** Class, protocol or step, type, command, family: one byte each but the type. */
  uint64_t trace[TRACED];
};

static struct words *shared;
static int journal = -1;

__attribute__((constructor)) static void attach(void) {
  const char *path = getenv("MULTIHOMED_SHIM");
  if (path == NULL) return;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) _exit(99);
  void *memory = mmap(NULL, sizeof(struct words), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) _exit(99);
  shared = memory;
  syscall(SYS_close, fd);
}

static void die(void) {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

/** Counts a point. Returns whether it is the last one. */
static int last(uint64_t class, uint64_t what) {
  if (shared == NULL) return 0;
  uint64_t at = __atomic_fetch_add(&shared->points, 1, __ATOMIC_SEQ_CST);
  if (at < TRACED) shared->trace[at] = class | what << 8;
  /* Of the journal's steps only a write can be half done. */
  if ((shared->classes & class) == 0 || (shared->when == MIDST && what != 'w')) return 0;
  uint64_t left = __atomic_load_n(&shared->left, __ATOMIC_SEQ_CST);
  while (left > 0 &&
         !__atomic_compare_exchange_n(&shared->left, &left, left - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
  return left == 1;
}

/** RTM_GET* only read, as do all but five commands of mptcp_pm: ADD_ADDR, DEL_ADDR, FLUSH_ADDRS, SET_LIMITS, SET_FLAGS. */
static uint64_t class_of(int protocol, const struct nlmsghdr *head, uint8_t first) {
  if (protocol == NETLINK_ROUTE) return (head->nlmsg_type & 3) == 2 ? QUESTION : CHANGE;
  if (protocol != NETLINK_GENERIC || head->nlmsg_type == NLMSG_MIN_TYPE) return QUESTION;
  return first == 1 || first == 2 || first == 4 || first == 5 || first == 7 ? CHANGE : QUESTION;
}

static int option(int fd, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

/**
 * Returns the bytes of a datagram to send before the kill at one of its requests; -1: all of it, and no kill. The kernel
 * handles all requests of a datagram even if the sender is killed, so sending a part of them is harsher than a real kill.
 */
static ssize_t cut(int protocol, const uint8_t *bytes, size_t length) {
  for (size_t at = 0; at + sizeof(struct nlmsghdr) < length;) {
    const struct nlmsghdr *head = (const struct nlmsghdr *)(bytes + at);
    /* A family in rtnetlink, a command in generic netlink. */
    uint8_t first = *(const uint8_t *)(head + 1);
    uint64_t what = (uint64_t)protocol | (uint64_t)head->nlmsg_type << 8 | (uint64_t)first << 24;
    size_t next = at + NLMSG_ALIGN(head->nlmsg_len);
    if (last(class_of(protocol, head, first), what)) return (ssize_t)(shared->when == BEFORE ? at : next);
    if (next <= at) break;
    at = next;
  }
  return -1;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  int error = errno;
  if (shared != NULL && message->msg_iovlen == 1 && option(fd, SO_DOMAIN) == AF_NETLINK) {
    struct iovec part = message->msg_iov[0];
    ssize_t length = cut(option(fd, SO_PROTOCOL), part.iov_base, part.iov_len);
    /* To this thread, because another one that gets the signal would stop this one later. */
    if (length >= 0 && shared->stops) syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSTOP);
    else if (length >= 0) {
      struct msghdr rest = *message;
      rest.msg_iov = &part;
      if ((size_t)length < part.iov_len) part.iov_len = (size_t)length;
      if (length > 0) syscall(SYS_sendmsg, fd, &rest, flags);
      die();
    }
  }
  errno = error;
  return syscall(SYS_sendmsg, fd, message, flags);
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
  if (shared != NULL && shared->halts && address->sa_family == AF_UNIX) syscall(SYS_kill, getpid(), SIGSTOP);
  return (int)syscall(SYS_connect, fd, address, length);
}

static int is_journal(const char *path) {
  const char *name = strrchr(path, '/');
  return name != NULL && strncmp(name, "/journal.json", 13) == 0;
}

/** `step`: its letter. */
static int last_step(char step) {
  int dies = last(JOURNAL, (uint64_t)step);
  if (dies && shared->when == BEFORE) die();
  return dies;
}

int open(const char *path, int flags, ...) {
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  int writes = (flags & O_ACCMODE) != O_RDONLY && is_journal(path);
  int dies = writes ? last_step('o') : 0;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  if (dies) die();
  if (writes) journal = fd;
  return fd;
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

ssize_t write(int fd, const void *bytes, size_t length) {
  int dies = fd >= 0 && fd == journal ? last_step('w') : 0;
  ssize_t written = syscall(SYS_write, fd, bytes, dies && shared->when == MIDST ? length / 2 : length);
  if (dies) die();
  return written;
}

int close(int fd) {
  if (fd >= 0 && fd == journal) journal = -1;
  return (int)syscall(SYS_close, fd);
}

int unlink(const char *path) {
  int dies = is_journal(path) ? last_step('u') : 0;
  int result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  if (dies) die();
  return result;
}

int rename(const char *from, const char *to) {
  int dies = is_journal(from) ? last_step('r') : 0;
  int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  if (dies) die();
  return result;
}

static int64_t offset_of(clockid_t clock) {
  if (shared == NULL) return 0;
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
    return __atomic_load_n(&shared->wall_offset, __ATOMIC_SEQ_CST);
  if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_MONOTONIC_RAW)
    return __atomic_load_n(&shared->monotonic_offset, __ATOMIC_SEQ_CST);
  return 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = (int)syscall(SYS_clock_gettime, clock, now);
  int64_t offset = offset_of(clock);
  if (result != 0 || offset == 0) return result;
  int64_t nanoseconds = now->tv_nsec + offset % 1000000000;
  now->tv_sec += offset / 1000000000 + (nanoseconds >= 1000000000) - (nanoseconds < 0);
  now->tv_nsec = (nanoseconds + 1000000000) % 1000000000;
  return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  if (clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}
