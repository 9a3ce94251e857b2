// Detects that the reader of a pipe, socket or terminal is gone, even while nothing is written to it.
#ifndef MULTIHOMED_HANG_UP_H
#define MULTIHOMED_HANG_UP_H

#include <napi.h>

namespace multihomed {

/** (fd, callback): calls it once at POLLERR or POLLHUP, poll(2); returns false for a file, which has no reader. */
Napi::Value OnHangUp(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif
