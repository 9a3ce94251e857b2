// Goes on as another program, or as the same one from its beginning, in another network namespace.
#ifndef MULTIHOMED_EXECUTE_H
#define MULTIHOMED_EXECUTE_H

#include <napi.h>

namespace multihomed {

/** (netns, arguments): execv(3) of the first argument inside; returns only by throwing. */
Napi::Value ExecuteInNamespace(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
