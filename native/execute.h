// Executes a program in another network namespace, in place of this process.
#ifndef MULTIHOMED_EXECUTE_H
#define MULTIHOMED_EXECUTE_H

#include <napi.h>

namespace multihomed {

/** (netns, arguments): execv(3) of the first argument inside the namespace; throws if that fails. */
Napi::Value ExecuteInNamespace(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
