#include "namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <sys/vfs.h>

namespace multihomed {

Failure EnterNamespace(const std::string& path) {
  // O_NONBLOCK: opening a FIFO in place of a namespace must not block.
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.open()) return {errno, "open"};
  struct statfs kind;
  if (fstatfs(file.get(), &kind) != 0) return {errno, "fstatfs"};
  if (kind.f_type != NSFS_MAGIC) return {EINVAL, "setns"};
  if (setns(file.get(), CLONE_NEWNET) != 0) return {errno, "setns"};
  return {};
}

namespace {

struct Task {
  const std::string& path;
  const std::function<Failure()>& function;
  Failure failure;
};

void* Run(void* data) {
  auto* task = static_cast<Task*>(data);
  task->failure = EnterNamespace(task->path);
  if (!task->failure.failed()) task->failure = task->function();
  return nullptr;
}

}  // namespace

Failure InNamespace(const std::string& path, const std::function<Failure()>& function) {
  if (path.empty()) return function();
  Task task{path, function, {}};
  pthread_t thread;
  int error = pthread_create(&thread, nullptr, Run, &task);
  if (error != 0) return {error, "pthread_create"};
  error = pthread_join(thread, nullptr);
  if (error != 0) return {error, "pthread_join"};
  return task.failure;
}

}  // namespace multihomed
