// Files of /proc that show the network namespace of whoever reads them.
#ifndef MULTIHOMED_NAMESPACE_FILE_H
#define MULTIHOMED_NAMESPACE_FILE_H

#include <napi.h>

namespace multihomed {

/** (path, netns?): the file's bytes as a reader inside sees them. */
Napi::Value ReadInNamespace(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
