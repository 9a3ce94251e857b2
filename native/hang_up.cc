#include "hang_up.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <uv.h>

#include <utility>

#include "error.h"

namespace multihomed {

namespace {

/** Exists until its callback has been called or its environment ends. It does not keep the process alive. */
struct Watcher {
  Napi::Env env;
  Descriptor fd;
  Napi::FunctionReference callback;
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  uv_poll_t poll{};
  bool closing = false;
};

void OnClosed(uv_handle_t* handle) {
  auto* watcher = static_cast<Watcher*>(handle->data);
  napi_async_cleanup_hook_handle hook = watcher->hook;
  {
    Napi::HandleScope scope(watcher->env);
    napi_async_destroy(watcher->env, watcher->context);
    delete watcher;
  }
  if (hook != nullptr) napi_remove_async_cleanup_hook(hook);
}

void Close(Watcher* watcher) {
  if (watcher->closing) return;
  watcher->closing = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&watcher->poll), OnClosed);
}

void OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) { Close(static_cast<Watcher*>(data)); }

/** Without requested events, poll(2) reports only POLLERR, POLLHUP and POLLNVAL. */
bool HungUp(int fd) {
  pollfd state{fd, 0, 0};
  return poll(&state, 1, 0) > 0 && (state.revents & (POLLERR | POLLHUP)) != 0;
}

void OnEvent(uv_poll_t* handle, int, int) {
  auto* watcher = static_cast<Watcher*>(handle->data);
  if (!HungUp(watcher->fd.get())) return;
  uv_poll_stop(handle);
  Napi::HandleScope scope(watcher->env);
  napi_value function = nullptr;
  napi_value receiver = nullptr;
  napi_get_reference_value(watcher->env, watcher->callback, &function);
  napi_get_global(watcher->env, &receiver);
  Close(watcher);
  if (function == nullptr) return;
  napi_status status = napi_make_callback(watcher->env, watcher->context, receiver, function, 0, nullptr, nullptr);
  napi_value error = nullptr;
  if (status == napi_pending_exception && napi_get_and_clear_last_exception(watcher->env, &error) == napi_ok) {
    napi_fatal_exception(watcher->env, error);
  }
}

}  // namespace

Napi::Value OnHangUp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  double number = 0;
  if (!WholeNumber(info[0], "fd", 0, INT32_MAX, &number)) return Napi::Value();
  if (!info[1].IsFunction()) {
    ThrowTypeError(env, "callback must be a function");
    return Napi::Value();
  }
  // A duplicate, because libuv accepts each number only once, and Node already uses that of standard output.
  Descriptor fd(fcntl(static_cast<int>(number), F_DUPFD_CLOEXEC, 3));
  if (!fd.open()) {
    ThrowSystemError(env, {errno, "fcntl"});
    return Napi::Value();
  }
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return Napi::Boolean::New(env, false);
  auto* watcher = new Watcher{env, std::move(fd), Napi::Persistent(info[1].As<Napi::Function>())};
  int error = uv_poll_init(loop, &watcher->poll, watcher->fd.get());
  // EPERM: epoll(7) does not accept regular files.
  if (error != 0) {
    delete watcher;
    if (error == UV_EPERM) return Napi::Boolean::New(env, false);
    ThrowSystemError(env, {-error, "uv_poll_init"});
    return Napi::Value();
  }
  watcher->poll.data = watcher;
  napi_value name = nullptr;
  napi_create_string_utf8(env, "multihomed:hang-up", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, Napi::Object::New(env), name, &watcher->context);
  if (napi_add_async_cleanup_hook(env, OnEnvironmentEnd, watcher, &watcher->hook) != napi_ok) watcher->hook = nullptr;
  // Not UV_DISCONNECT, because sshd(8) shuts down one direction of a socket and keeps reading from it.
  uv_poll_start(&watcher->poll, UV_PRIORITIZED, OnEvent);
  uv_unref(reinterpret_cast<uv_handle_t*>(&watcher->poll));
  return Napi::Boolean::New(env, true);
}

}  // namespace multihomed
