#include "netlink.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>

#include <utility>
#include <vector>

#include "error.h"
#include "namespace.h"

namespace multihomed {

namespace {

bool Functions(const Napi::CallbackInfo& info, size_t first, Callbacks* callbacks) {
  Napi::FunctionReference* places[] = {&callbacks->batch, &callbacks->overrun, &callbacks->error};
  for (size_t i = 0; i < 3; i++) {
    if (!info[first + i].IsFunction()) {
      ThrowTypeError(info.Env(), "onBatch, onOverrun and onError must be functions");
      return false;
    }
    *places[i] = Napi::Persistent(info[first + i].As<Napi::Function>());
  }
  return true;
}

}  // namespace

Napi::Function Netlink::Define(Napi::Env env) {
  return DefineClass(env, "Netlink",
                     {
                         InstanceAccessor<&Netlink::PortId>("portId"),
                         InstanceAccessor<&Netlink::ReceiveBuffer>("receiveBuffer"),
                         InstanceAccessor<&Netlink::NetnsCookie>("netnsCookie"),
                         InstanceAccessor<&Netlink::Foreign>("foreign"),
                         InstanceMethod<&Netlink::Join>("join"),
                         InstanceMethod<&Netlink::Leave>("leave"),
                         InstanceMethod<&Netlink::Filter>("filter"),
                         InstanceMethod<&Netlink::Send>("transmit"),
                         InstanceMethod<&Netlink::Ref>("ref"),
                         InstanceMethod<&Netlink::Unref>("unref"),
                         InstanceMethod<&Netlink::Close>("close"),
                     });
}

Netlink::Netlink(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Netlink>(info) {
  double protocol = 0;
  double receive_buffer = 0;
  std::string netns;
  Callbacks callbacks;
  if (!WholeNumber(info[0], "protocol", 0, 31, &protocol) || !OptionalPath(info[1], "netns", &netns) ||
      !WholeNumber(info[2], "receiveBuffer", 0, 1 << 30, &receive_buffer) || !Functions(info, 3, &callbacks)) {
    return;
  }
  KernelSocket socket;
  Failure failure = InNamespace(
      netns, [&] { return socket.Open(static_cast<int>(protocol), static_cast<uint32_t>(receive_buffer)); });
  if (!failure.failed()) channel_ = Channel::Open(info.Env(), std::move(socket), std::move(callbacks), &failure);
  if (failure.failed()) ThrowSystemError(info.Env(), failure, netns);
}

bool Netlink::Usable(Napi::Env env) {
  if (channel_ && !channel_->closed()) return true;
  ThrowSystemError(env, {EBADF, "netlink"});
  return false;
}

Napi::Value Netlink::PortId(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), channel_ ? channel_->socket().port_id() : 0);
}

Napi::Value Netlink::ReceiveBuffer(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), channel_ ? channel_->socket().receive_buffer() : 0);
}

Napi::Value Netlink::NetnsCookie(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), channel_ ? channel_->socket().netns_cookie() : uint64_t{0});
}

Napi::Value Netlink::Foreign(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), channel_ ? channel_->socket().foreign() : 0);
}

void Netlink::Join(const Napi::CallbackInfo& info) { Membership(info, NETLINK_ADD_MEMBERSHIP); }

void Netlink::Leave(const Napi::CallbackInfo& info) { Membership(info, NETLINK_DROP_MEMBERSHIP); }

void Netlink::Membership(const Napi::CallbackInfo& info, int option) {
  double group = 0;
  if (!WholeNumber(info[0], "group", 1, INT32_MAX, &group) || !Usable(info.Env())) return;
  Failure failure = channel_->socket().Membership(option, static_cast<uint32_t>(group));
  if (failure.failed()) ThrowSystemError(info.Env(), failure, "group " + std::to_string(static_cast<int>(group)));
}

void Netlink::Filter(const Napi::CallbackInfo& info) {
  uint8_t* data = nullptr;
  size_t length = 0;
  if (!Bytes(info[0], "program", &data, &length)) return;
  if (length == 0 || length % sizeof(sock_filter) != 0 || length / sizeof(sock_filter) > BPF_MAXINSNS) {
    ThrowTypeError(info.Env(), "program must be 1 to 4096 instructions of 8 bytes");
    return;
  }
  if (!Usable(info.Env())) return;
  std::vector<uint8_t> program(data, data + length);
  Failure failure = channel_->socket().Filter(program.data(), static_cast<uint16_t>(length / sizeof(sock_filter)));
  if (failure.failed()) ThrowSystemError(info.Env(), failure, "filter");
}

void Netlink::Send(const Napi::CallbackInfo& info) {
  uint8_t* data = nullptr;
  size_t length = 0;
  if (!Bytes(info[0], "bytes", &data, &length)) return;
  if (!info[1].IsBoolean()) return ThrowTypeError(info.Env(), "waits must be a boolean");
  if (!info[2].IsFunction()) return ThrowTypeError(info.Env(), "settled must be a function");
  if (Usable(info.Env())) channel_->Send(data, length, info[1].As<Napi::Boolean>(), info[2]);
}

void Netlink::Ref(const Napi::CallbackInfo&) {
  if (channel_) channel_->Hold(true);
}

void Netlink::Unref(const Napi::CallbackInfo&) {
  if (channel_) channel_->Hold(false);
}

void Netlink::Close(const Napi::CallbackInfo&) {
  if (channel_) channel_->Close();
}

}  // namespace multihomed
