// Sending away from the event loop: the kernel handles a request within sendmsg(2), which can take
// milliseconds, and longer when somebody else holds its locks.
#ifndef MULTIHOMED_SEND_QUEUE_H
#define MULTIHOMED_SEND_QUEUE_H

#include <napi.h>

#include <atomic>
#include <memory>
#include <vector>

#include "kernel_socket.h"

namespace multihomed {

/** Messages of one socket, sent in the order in which they came, never two at a time. */
class SendQueue {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /** No thread uses the socket any more. */
    virtual void SendsDone() = 0;
  };

  SendQueue(napi_env env, const KernelSocket& socket) : env_(env), socket_(socket) {}

  /** `settled` is called once, with undefined or the error. A promise here would leak when its environment ends. */
  void Push(const uint8_t* data, size_t length, napi_value settled, const std::shared_ptr<Owner>& owner);
  /** Rejects what waits. What is being sent ends by itself, and then the owner is told. */
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

  static void Execute(napi_env env, void* data);
  static void Complete(napi_env env, napi_status status, void* data);
  bool Start(const std::shared_ptr<Owner>& owner);
  void Settle(const Message& message);

  napi_env env_;
  const KernelSocket& socket_;
  std::vector<Message> waiting_;
  std::atomic<bool> cancelled_{false};
  bool busy_ = false;
};

}  // namespace multihomed

#endif
