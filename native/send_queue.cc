#include "send_queue.h"

#include <errno.h>

#include <utility>

#include "error.h"

namespace multihomed {

namespace {

/** A send that takes this long has waited for a lock. 128 changes of routes without a wait take 2 ms. */
constexpr std::chrono::milliseconds kLong{5};
constexpr std::chrono::seconds kPause{1};

}  // namespace

void SendQueue::Push(const uint8_t* data, size_t length, bool waits, napi_value settled,
                     const std::shared_ptr<Owner>& owner) {
  Message message;
  if (length > 0) message.bytes.assign(data, data + length);
  if (napi_create_reference(env_, settled, 1, &message.settled) != napi_ok) return;
  if (!waits && SendNow(&message)) return Settle(message);
  waiting_.push_back(std::move(message));
  if (cancelled_ || (!busy_ && !Start(owner))) Close();
}

bool SendQueue::SendNow(Message* message) {
  auto began = std::chrono::steady_clock::now();
  if (busy_ || cancelled_ || !waiting_.empty() || began < threads_until_) return false;
  message->error = socket_.SendOnce(message->bytes);
  auto ended = std::chrono::steady_clock::now();
  if (ended - began >= kLong) threads_until_ = ended + kPause;
  return message->error != EAGAIN;
}

bool SendQueue::Start(const std::shared_ptr<Owner>& owner) {
  auto* job = new Job{this, owner, std::move(waiting_), nullptr};
  waiting_.clear();
  napi_value name = nullptr;
  if (napi_create_string_utf8(env_, "multihomed:send", NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_async_work(env_, nullptr, name, Execute, Complete, job, &job->work) == napi_ok &&
      napi_queue_async_work(env_, job->work) == napi_ok) {
    busy_ = true;
    return true;
  }
  if (job->work != nullptr) napi_delete_async_work(env_, job->work);
  waiting_ = std::move(job->messages);
  delete job;
  return false;
}

void SendQueue::Execute(napi_env, void* data) {
  auto* job = static_cast<Job*>(data);
  for (Message& message : job->messages)
    message.error = job->queue->socket_.Send(message.bytes, job->queue->cancelled_);
}

void SendQueue::Complete(napi_env env, napi_status status, void* data) {
  std::unique_ptr<Job> job(static_cast<Job*>(data));
  SendQueue* queue = job->queue;
  napi_delete_async_work(env, job->work);
  for (Message& message : job->messages) {
    if (status != napi_ok) message.error = ECANCELED;
    queue->Settle(message);
  }
  // Reset only after the callbacks, which may have queued more messages or closed the socket.
  queue->busy_ = false;
  if (!queue->waiting_.empty() && !queue->Start(job->owner)) queue->Close();
  if (!queue->busy_) job->owner->SendsDone();
}

void SendQueue::Settle(const Message& message) {
  napi_value function = nullptr;
  napi_value receiver = nullptr;
  napi_value argument = nullptr;
  napi_get_undefined(env_, &receiver);
  if (message.error == 0) {
    argument = receiver;
  } else {
    argument = NewSystemError(env_, {message.error, "sendmsg"});
    if (argument == nullptr) napi_get_and_clear_last_exception(env_, &argument);
  }
  // In an environment that ends, nothing can be called any more, but the reference must still be deleted.
  if (argument != nullptr && napi_get_reference_value(env_, message.settled, &function) == napi_ok) {
    napi_call_function(env_, receiver, function, 1, &argument, nullptr);
  }
  napi_delete_reference(env_, message.settled);
}

void SendQueue::Close() {
  cancelled_ = true;
  std::vector<Message> waiting = std::move(waiting_);
  waiting_.clear();
  for (Message& message : waiting) {
    message.error = ECANCELED;
    Settle(message);
  }
}

}  // namespace multihomed
