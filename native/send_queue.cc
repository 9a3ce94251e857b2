#include "send_queue.h"

#include <errno.h>

#include <utility>

#include "error.h"

namespace multihomed {

napi_value SendQueue::Push(const uint8_t* data, size_t length, const std::shared_ptr<Owner>& owner) {
  Message message;
  if (length > 0) message.bytes.assign(data, data + length);
  napi_value promise = nullptr;
  if (napi_create_promise(env_, &message.deferred, &promise) != napi_ok) return nullptr;
  if (cancelled_) {
    message.error = ECANCELED;
    Settle(message);
    return promise;
  }
  waiting_.push_back(std::move(message));
  if (!busy_ && !Start(owner)) Close();
  return promise;
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
  for (Message& message : job->messages) message.error = job->queue->socket_.Send(message.bytes, job->queue->cancelled_);
}

void SendQueue::Complete(napi_env env, napi_status status, void* data) {
  std::unique_ptr<Job> job(static_cast<Job*>(data));
  SendQueue* queue = job->queue;
  queue->busy_ = false;
  napi_delete_async_work(env, job->work);
  for (Message& message : job->messages) {
    if (status != napi_ok) message.error = ECANCELED;
    queue->Settle(message);
  }
  if (!queue->waiting_.empty() && !queue->Start(job->owner)) queue->Close();
  if (!queue->busy_) job->owner->SendsDone();
}

void SendQueue::Settle(const Message& message) {
  napi_value value = nullptr;
  if (message.error == 0) {
    napi_get_undefined(env_, &value);
    napi_resolve_deferred(env_, message.deferred, value);
    return;
  }
  value = NewSystemError(env_, {message.error, "sendmsg"});
  if (value == nullptr) napi_get_undefined(env_, &value);
  napi_reject_deferred(env_, message.deferred, value);
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
