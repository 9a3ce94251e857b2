// The kernel handles a request within sendmsg(2). Most requests take less than a hand-over to another thread, and are
// sent at once. Those that wait in the kernel are sent on a thread, and so are all others for a while after one was
// long: another process then holds the kernel's locks, for seconds at times, and the event loop waits for it once, not
// each time.
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
   * Calls `settled` once, with undefined or the error; possibly before it returns. A promise would leak when its
   * environment ends. `waits`: the kernel waits while it handles the message.
   */
  void Push(const uint8_t* data, size_t length, bool waits, napi_value settled, const std::shared_ptr<Owner>& owner);
  /** Rejects the waiting messages. The current send runs to its end, and then the owner's SendsDone is called. */
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

  /** Sends on this thread. Returns false if the message is for the queue. */
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
  /** Until then, nothing is sent on the event loop's thread. */
  std::chrono::steady_clock::time_point threads_until_{};
};

}  // namespace multihomed

#endif
