// Errors as JavaScript objects.
#ifndef MULTIHOMED_ERROR_H
#define MULTIHOMED_ERROR_H

#include <napi.h>

#include <string>

#include "descriptor.h"

namespace multihomed {

/** The addon's data in one environment (the main thread or a worker). */
struct Environment {
  Napi::FunctionReference error_class;
};

/** new SystemError(errno, syscall, text, subject); null when the constructor throws, or when JavaScript cannot run. */
napi_value NewSystemError(napi_env env, const Failure& failure, const std::string& subject = "");
void ThrowSystemError(napi_env env, const Failure& failure, const std::string& subject = "");
void ThrowTypeError(napi_env env, const char* message);

/** Returns false with a pending TypeError unless `value` is a whole number from `low` to `high`. */
bool WholeNumber(const Napi::Value& value, const char* name, double low, double high, double* number);
/** Returns false with a pending TypeError unless `value` is undefined (then "") or a non-empty string without NUL. */
bool OptionalPath(const Napi::Value& value, const char* name, std::string* path);
/** Returns false with a pending TypeError unless `value` is a Uint8Array, such as a Buffer. */
bool Bytes(const Napi::Value& value, const char* name, uint8_t** data, size_t* length);

}  // namespace multihomed

#endif
