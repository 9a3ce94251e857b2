// Errors as JavaScript sees them.
#ifndef MULTIHOMED_ERROR_H
#define MULTIHOMED_ERROR_H

#include <napi.h>

#include <string>

#include "descriptor.h"

namespace multihomed {

/** What one environment (the main thread, a worker) has of this addon. */
struct Environment {
  Napi::FunctionReference error_class;
};

/** new SystemError(errno, syscall, text, subject); null when that throws, or when JavaScript cannot run any more. */
napi_value NewSystemError(napi_env env, const Failure& failure, const std::string& subject = "");
void ThrowSystemError(napi_env env, const Failure& failure, const std::string& subject = "");
void ThrowTypeError(napi_env env, const char* message);

/** False, and a TypeError is pending, unless `value` is a whole number from `low` to `high`. */
bool WholeNumber(const Napi::Value& value, const char* name, double low, double high, double* number);
/** False, and a TypeError is pending, unless `value` is a string without NUL, or undefined, which is "". */
bool OptionalPath(const Napi::Value& value, const char* name, std::string* path);
/** False, and a TypeError is pending, unless `value` is a Uint8Array (a Buffer is one). */
bool Bytes(const Napi::Value& value, const char* name, uint8_t** data, size_t* length);

}  // namespace multihomed

#endif
