// Doing one thing inside another network namespace.
#ifndef MULTIHOMED_NAMESPACE_H
#define MULTIHOMED_NAMESPACE_H

#include <functional>
#include <string>

#include "descriptor.h"

namespace multihomed {

/**
 * Runs `make` in the network namespace whose file is at `path`; an empty path is the caller's own.
 * setns(2) concerns one thread, so it is done on one that ends with it: Node's own threads never switch.
 */
Failure InNamespace(const std::string& path, const std::function<Failure()>& make);

/** setns(2) for the calling thread alone. */
Failure EnterNamespace(const std::string& path);

}  // namespace multihomed

#endif
