// Sends the requests of one socket in order. The kernel handles a request within sendmsg(2). Most requests take less
// time than a switch to another thread, so they are sent directly. Requests for which the kernel waits are sent on a
// thread. After a slow request, all requests use a thread for a while: another process may hold the kernel's locks for
// seconds, and the event loop must not wait for it each time.
#ifndef MULTIHOMED_SEND_QUEUE_H
#define MULTIHOMED_SEND_QUEUE_H

#include <napi.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "kernel_socket.h"

namespace multihomed {

/** The messages of one socket, sent one at a time in the order in which they were queued. */
class SendQueue {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /** Called when no thread uses the socket any more. */
    virtual void SendsDone() = 0;
  };

  SendQueue(napi_env env, const KernelSocket& socket) : env_(env), socket_(socket) {}

  /**
   * Calls `settled` once, with undefined or the error; possibly before this returns. It is a callback, because a
   * promise would leak when its environment ends. `waits`: the kernel waits while it handles the message.
   */
  void Push(const uint8_t* data, size_t length, bool waits, napi_value settled, const std::shared_ptr<Owner>& owner);
  /** Rejects the waiting messages. When the current send has ended, the owner's SendsDone is called. */
  void Close();
  bool busy() const { return busy_; }

 private:
  struct Message {
    std::vector<uint8_t> bytes;
    napi_ref settled = nullptr;
    int error = 0;
  };
  struct Job {
    SendQueue* queue;
    std::shared_ptr<Owner> owner;
    std::vector<Message> messages;
    napi_async_work work = nullptr;
  };

  /** Sends on this thread. Returns false if the message must be queued. */
  bool SendNow(Message* message);
  static void Execute(napi_env env, void* data);
  static void Complete(napi_env env, napi_status status, void* data);
  bool Start(const std::shared_ptr<Owner>& owner);
  void Settle(const Message& message);

  napi_env env_;
  const KernelSocket& socket_;
  std::vector<Message> waiting_;
  std::atomic<bool> cancelled_{false};
  bool busy_ = false;
  /** Until this time, nothing is sent on the event loop's thread. */
  std::chrono::steady_clock::time_point threads_until_{};
};

}  // namespace multihomed

#endif
