#include "error.h"

#include <math.h>
#include <string.h>

namespace multihomed {

namespace {

napi_value Text(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

}  // namespace

napi_value NewSystemError(napi_env env, const Failure& failure, const std::string& subject) {
  void* data = nullptr;
  if (napi_get_instance_data(env, &data) != napi_ok || data == nullptr) return nullptr;
  auto* environment = static_cast<Environment*>(data);
  napi_value number = nullptr;
  napi_create_int32(env, failure.error, &number);
  char buffer[128];
  const char* text = strerror_r(failure.error, buffer, sizeof buffer);
  napi_value arguments[] = {number, Text(env, failure.syscall), Text(env, text), Text(env, subject)};
  napi_value constructor = nullptr;
  napi_value error = nullptr;
  if (environment->error_class.IsEmpty()) {
    napi_create_error(env, nullptr, arguments[2], &error);
  } else if (napi_get_reference_value(env, environment->error_class, &constructor) == napi_ok) {
    napi_new_instance(env, constructor, 4, arguments, &error);
  }
  return error;
}

void ThrowSystemError(napi_env env, const Failure& failure, const std::string& subject) {
  napi_value error = NewSystemError(env, failure, subject);
  // Null: the constructor of the error has thrown, and its exception is pending.
  if (error != nullptr) napi_throw(env, error);
}

void ThrowTypeError(napi_env env, const char* message) { napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message); }

bool WholeNumber(const Napi::Value& value, const char* name, double low, double high, double* number) {
  if (value.IsNumber()) {
    *number = value.As<Napi::Number>().DoubleValue();
    if (*number >= low && *number <= high && floor(*number) == *number) return true;
  }
  std::string message = std::string(name) + " must be a whole number from " +
                        std::to_string(static_cast<int64_t>(low)) + " to " + std::to_string(static_cast<int64_t>(high));
  ThrowTypeError(value.Env(), message.c_str());
  return false;
}

bool OptionalPath(const Napi::Value& value, const char* name, std::string* path) {
  path->clear();
  if (value.IsUndefined()) return true;
  if (value.IsString()) {
    *path = value.As<Napi::String>().Utf8Value();
    if (!path->empty() && path->find('\0') == std::string::npos) return true;
  }
  ThrowTypeError(value.Env(), (std::string(name) + " must be a non-empty string without NUL").c_str());
  return false;
}

bool Bytes(const Napi::Value& value, const char* name, uint8_t** data, size_t* length) {
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
    auto array = value.As<Napi::Uint8Array>();
    *data = array.Data();
    *length = array.ByteLength();
    return true;
  }
  ThrowTypeError(value.Env(), (std::string(name) + " must be a Uint8Array").c_str());
  return false;
}

}  // namespace multihomed
