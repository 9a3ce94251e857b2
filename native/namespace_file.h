// Reads files of /proc that show the network namespace of their reader.
#ifndef MULTIHOMED_NAMESPACE_FILE_H
#define MULTIHOMED_NAMESPACE_FILE_H

#include <napi.h>

namespace multihomed {

/** (path, netns?): the file's bytes as a reader inside the namespace sees them. */
Napi::Value ReadInNamespace(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
