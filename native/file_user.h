// File access with the rights of another user, credentials(7).
#ifndef MULTIHOMED_FILE_USER_H
#define MULTIHOMED_FILE_USER_H

#include <napi.h>

namespace multihomed {

/** (uid, gid, callback): calls back while this thread opens, creates and removes files as that user, setfsuid(2). */
Napi::Value AsFileUser(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
