// The JavaScript object of a netlink socket: checks arguments and calls the channel.
#ifndef MULTIHOMED_NETLINK_H
#define MULTIHOMED_NETLINK_H

#include <napi.h>

#include <memory>

#include "channel.h"

namespace multihomed {

/** new Netlink(protocol, netns | undefined, receiveBuffer, onBatch, onOverrun, onError) */
class Netlink : public Napi::ObjectWrap<Netlink> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Netlink(const Napi::CallbackInfo& info);

 private:
  Napi::Value PortId(const Napi::CallbackInfo& info);
  Napi::Value ReceiveBuffer(const Napi::CallbackInfo& info);
  Napi::Value NetnsCookie(const Napi::CallbackInfo& info);
  Napi::Value Foreign(const Napi::CallbackInfo& info);
  void Join(const Napi::CallbackInfo& info);
  void Leave(const Napi::CallbackInfo& info);
  void Filter(const Napi::CallbackInfo& info);
  void Send(const Napi::CallbackInfo& info);
  void Ref(const Napi::CallbackInfo& info);
  void Unref(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  void Membership(const Napi::CallbackInfo& info, int option);
  bool Usable(Napi::Env env);

  std::shared_ptr<Channel> channel_;
};

}  // namespace multihomed

#endif
