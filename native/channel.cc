#include "channel.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "error.h"

namespace multihomed {

Channel::Channel(napi_env env, KernelSocket socket, Callbacks callbacks)
    : env_(env), socket_(std::move(socket)), callbacks_(std::move(callbacks)), sends_(env, socket_) {}

std::shared_ptr<Channel> Channel::Open(napi_env env, KernelSocket socket, Callbacks callbacks, Failure* failure) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) {
    *failure = {EINVAL, "uv_poll_init"};
    return nullptr;
  }
  auto channel = std::make_shared<Channel>(env, std::move(socket), std::move(callbacks));
  if (!channel->Start(loop, failure)) return nullptr;
  return channel;
}

bool Channel::Start(uv_loop_t* loop, Failure* failure) {
  napi_value name = nullptr;
  napi_value resource = nullptr;
  if (napi_create_string_utf8(env_, "multihomed:netlink", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_object(env_, &resource) != napi_ok || napi_async_init(env_, resource, name, &context_) != napi_ok) {
    *failure = {ENOMEM, "uv_poll_init"};
    return false;
  }
  int error = uv_poll_init(loop, &poll_, socket_.fd());
  if (error != 0) {
    napi_async_destroy(env_, context_);
    *failure = {-error, "uv_poll_init"};
    return false;
  }
  poll_.data = this;
  self_ = shared_from_this();
  if (napi_add_async_cleanup_hook(env_, OnEnvironmentEnd, this, &hook_) != napi_ok) hook_ = nullptr;
  error = uv_poll_start(&poll_, UV_READABLE, OnReadable);
  if (error == 0) return true;
  *failure = {-error, "uv_poll_start"};
  Close();
  return false;
}

void Channel::Hold(bool hold) {
  if (closed_) return;
  auto* handle = reinterpret_cast<uv_handle_t*>(&poll_);
  if (hold) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
}

void Channel::OnReadable(uv_poll_t* handle, int status, int) {
  // A callback may close the channel, so the channel must stay alive during the call.
  auto channel = static_cast<Channel*>(handle->data)->shared_from_this();
  Napi::HandleScope scope(channel->env_);
  channel->Read(status);
}

void Channel::Read(int status) {
  Batch batch;
  socket_.Receive(&batch);
  if (status < 0) {
    // libuv stops watching a socket after an error on it. Another system call may already have returned the error.
    if (!batch.error_seen) batch.overrun = true;
    int error = uv_poll_start(&poll_, UV_READABLE, OnReadable);
    if (error != 0 && batch.broken == 0) batch.broken = -error;
  }
  if (!batch.spans.empty()) Deliver(batch);
  if (batch.overrun) Call(callbacks_.overrun, 0, nullptr);
  if (batch.broken != 0) Break(batch.broken, "recvmsg");
}

void Channel::Deliver(const Batch& batch) {
  napi_value arguments[2] = {nullptr, nullptr};
  napi_value memory = nullptr;
  void* spans = nullptr;
  size_t bytes = batch.spans.size() * sizeof(uint32_t);
  if (napi_create_buffer_copy(env_, batch.used, socket_.received(), nullptr, &arguments[0]) != napi_ok ||
      napi_create_arraybuffer(env_, bytes, &spans, &memory) != napi_ok ||
      napi_create_typedarray(env_, napi_uint32_array, batch.spans.size(), memory, 0, &arguments[1]) != napi_ok) {
    return;
  }
  std::copy(batch.spans.begin(), batch.spans.end(), static_cast<uint32_t*>(spans));
  Call(callbacks_.batch, 2, arguments);
}

void Channel::Call(const Napi::FunctionReference& callback, size_t count, const napi_value* arguments) {
  if (closed_) return;
  napi_value function = nullptr;
  napi_value receiver = nullptr;
  if (napi_get_reference_value(env_, callback, &function) != napi_ok || function == nullptr) return;
  napi_get_global(env_, &receiver);
  napi_status status = napi_make_callback(env_, context_, receiver, function, count, arguments, nullptr);
  if (status != napi_pending_exception) return;
  napi_value error = nullptr;
  // An exception of the callback is handled as uncaught, as in Node's own callbacks.
  if (napi_get_and_clear_last_exception(env_, &error) == napi_ok) napi_fatal_exception(env_, error);
}

void Channel::Break(int error, const char* syscall) {
  if (closed_) return;
  napi_value resource = nullptr;
  napi_callback_scope scope = nullptr;
  // Closing rejects the sends. The callback scope runs their promise reactions now and not only at the next event.
  napi_get_global(env_, &resource);
  if (napi_open_callback_scope(env_, resource, context_, &scope) != napi_ok) scope = nullptr;
  napi_value argument = NewSystemError(env_, {error, syscall});
  if (argument != nullptr) Call(callbacks_.error, 1, &argument);
  Close();
  if (scope != nullptr) napi_close_callback_scope(env_, scope);
}

void Channel::Close() {
  if (closed_) return;
  closed_ = true;
  Napi::HandleScope scope(env_);
  auto keep = shared_from_this();
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnClosed);
  sends_.Close();
  callbacks_.batch.Reset();
  callbacks_.overrun.Reset();
  callbacks_.error.Reset();
  // While a thread sends, the descriptor's number must not be reused for another file.
  if (!sends_.busy()) socket_.Close();
}

void Channel::SendsDone() {
  if (!closed_) return;
  socket_.Close();
  Finish();
}

void Channel::OnClosed(uv_handle_t* handle) {
  auto* channel = static_cast<Channel*>(handle->data);
  channel->handle_closed_ = true;
  channel->Finish();
}

void Channel::OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) { static_cast<Channel*>(data)->Close(); }

void Channel::Finish() {
  if (!handle_closed_ || sends_.busy() || !self_) return;
  auto self = std::move(self_);
  napi_async_cleanup_hook_handle hook = hook_;
  hook_ = nullptr;
  {
    Napi::HandleScope scope(env_);
    napi_async_destroy(env_, context_);
  }
  self.reset();
  // This comes last, because it frees an environment that waited only for this hook.
  if (hook != nullptr) napi_remove_async_cleanup_hook(hook);
}

}  // namespace multihomed
