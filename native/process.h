// Runs programs in process groups of their own. The number of a group is not reused until its leader is reaped.
#ifndef MULTIHOMED_PROCESS_H
#define MULTIHOMED_PROCESS_H

#include <napi.h>

namespace multihomed {

/** spawnGroup(fd, argv, environment, uid, gid): { pid, stdout, stderr }; uid -1 means the caller's user and groups. */
Napi::Value SpawnGroup(const Napi::CallbackInfo& info);
/** exitOf(pid): null while it runs, then { status, signal } until it is reaped. */
Napi::Value ExitOf(const Napi::CallbackInfo& info);
/** reap(pid): frees the process number of a child that has exited. */
Napi::Value Reap(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
