// Replaces this process by a program in another network namespace.
#ifndef MULTIHOMED_EXECUTE_H
#define MULTIHOMED_EXECUTE_H

#include <napi.h>

namespace multihomed {

/** (netns, arguments): execv(3) of the first argument inside the namespace; returns only by throwing. */
Napi::Value ExecuteInNamespace(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
