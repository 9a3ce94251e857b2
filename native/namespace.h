// Runs a function inside another network namespace.
#ifndef MULTIHOMED_NAMESPACE_H
#define MULTIHOMED_NAMESPACE_H

#include <functional>
#include <string>

#include "descriptor.h"

namespace multihomed {

/**
 * Runs `function` in the network namespace whose file is at `path`; an empty path means the caller's own. setns(2)
 * applies to one thread, so it is called on a temporary thread, and Node's own threads never change their namespace.
 */
Failure InNamespace(const std::string& path, const std::function<Failure()>& function);

/** Calls setns(2) for the calling thread. */
Failure EnterNamespace(const std::string& path);

}  // namespace multihomed

#endif
