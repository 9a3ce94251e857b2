// A file descriptor with one owner, and the error of a failed system call.
#ifndef MULTIHOMED_DESCRIPTOR_H
#define MULTIHOMED_DESCRIPTOR_H

#include <unistd.h>

namespace multihomed {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = other.Release();
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { Reset(); }

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  int Release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void Reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

/** A failed system call; error 0 means success. */
struct Failure {
  int error = 0;
  const char* syscall = "";
  bool failed() const { return error != 0; }
};

}  // namespace multihomed

#endif
