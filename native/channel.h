// An open netlink socket on an event loop: calls JavaScript when the socket is readable.
#ifndef MULTIHOMED_CHANNEL_H
#define MULTIHOMED_CHANNEL_H

#include <napi.h>
#include <uv.h>

#include <memory>

#include "kernel_socket.h"
#include "send_queue.h"

namespace multihomed {

struct Callbacks {
  Napi::FunctionReference batch;
  Napi::FunctionReference overrun;
  Napi::FunctionReference error;
};

/**
 * Reference counted: the JavaScript object, the libuv handle until it is closed, and each send in progress hold a
 * reference. When the environment ends, Node waits until the channel is closed.
 */
class Channel : public SendQueue::Owner, public std::enable_shared_from_this<Channel> {
 public:
  static std::shared_ptr<Channel> Open(napi_env env, KernelSocket socket, Callbacks callbacks, Failure* failure);

  Channel(napi_env env, KernelSocket socket, Callbacks callbacks);

  void Send(const uint8_t* data, size_t length, bool waits, napi_value settled) {
    sends_.Push(data, length, waits, settled, shared_from_this());
  }
  /** Sets whether the socket keeps the event loop alive. */
  void Hold(bool hold);
  void Close();
  bool closed() const { return closed_; }
  KernelSocket& socket() { return socket_; }

  void SendsDone() override;

 private:
  static void OnReadable(uv_poll_t* handle, int status, int events);
  static void OnClosed(uv_handle_t* handle);
  static void OnEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* data);

  bool Start(uv_loop_t* loop, Failure* failure);
  void Read(int status);
  void Deliver(const Batch& batch);
  void Call(const Napi::FunctionReference& callback, size_t count, const napi_value* arguments);
  void Break(int error, const char* syscall);
  void Finish();

  napi_env env_;
  KernelSocket socket_;
  Callbacks callbacks_;
  SendQueue sends_;
  uv_poll_t poll_{};
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  /** Keeps this object alive as long as the loop knows its handle. */
  std::shared_ptr<Channel> self_;
  bool closed_ = false;
  bool handle_closed_ = false;
};

}  // namespace multihomed

#endif
