#include "file_user.h"

#include <errno.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "error.h"

namespace multihomed {

namespace {

#ifdef SYS_setgroups32
constexpr long kSetGroups = SYS_setgroups32;
#else
constexpr long kSetGroups = SYS_setgroups;
#endif

/** Only for this thread: the function of the C library changes all threads. */
bool SetGroups(const std::vector<gid_t>& groups) { return syscall(kSetGroups, groups.size(), groups.data()) == 0; }

/** setfsuid(2) returns the id before the call, also after a failure; a call with -1 fails. */
bool SetUser(uid_t uid) {
  setfsuid(uid);
  return static_cast<uid_t>(setfsuid(static_cast<uid_t>(-1))) == uid;
}

bool SetGroup(gid_t gid) {
  setfsgid(gid);
  return static_cast<gid_t>(setfsgid(static_cast<gid_t>(-1))) == gid;
}

/** The identity of this thread for files, which is restored at the end of the scope. */
class FileUser {
 public:
  /** The failure of `Become`, or of reading the groups. */
  Failure failure;

  FileUser() {
    int count = getgroups(0, nullptr);
    if (count > 0) {
      groups_.resize(count);
      count = getgroups(count, groups_.data());
    }
    if (count < 0) failure = {errno, "getgroups"};
  }
  FileUser(const FileUser&) = delete;
  FileUser& operator=(const FileUser&) = delete;

  void Become(uid_t uid, gid_t gid) {
    if (failure.failed()) return;
    if (!SetGroups({})) {
      failure = {errno, "setgroups"};
      return;
    }
    changed_ = true;
    uid_ = static_cast<uid_t>(setfsuid(static_cast<uid_t>(-1)));
    gid_ = static_cast<gid_t>(setfsgid(static_cast<gid_t>(-1)));
    if (!SetGroup(gid)) failure = {EPERM, "setfsgid"};
    if (!failure.failed() && !SetUser(uid)) failure = {EPERM, "setfsuid"};
  }

  ~FileUser() {
    if (!changed_) return;
    // This fails only if a capability was dropped since. Files would then get a wrong owner.
    if (!SetUser(uid_) || !SetGroup(gid_) || !SetGroups(groups_))
      Napi::Error::Fatal("AsFileUser", "the identity for files cannot be restored");
  }

 private:
  /** The identity before `Become`. */
  std::vector<gid_t> groups_;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
  bool changed_ = false;
};

}  // namespace

Napi::Value AsFileUser(const Napi::CallbackInfo& info) {
  double uid = 0, gid = 0;
  if (!WholeNumber(info[0], "uid", 0, UINT32_MAX - 1.0, &uid) ||
      !WholeNumber(info[1], "gid", 0, UINT32_MAX - 1.0, &gid))
    return Napi::Value();
  if (!info[2].IsFunction()) {
    ThrowTypeError(info.Env(), "callback must be a function");
    return Napi::Value();
  }
  FileUser user;
  user.Become(static_cast<uid_t>(uid), static_cast<gid_t>(gid));
  if (user.failure.failed()) {
    ThrowSystemError(info.Env(), user.failure);
    return Napi::Value();
  }
  return info[2].As<Napi::Function>().Call({});
}

}  // namespace multihomed
