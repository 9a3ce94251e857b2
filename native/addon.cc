// The exports of the addon. It handles sockets and processes; TypeScript decodes the messages.
#include <napi.h>

#include "error.h"
#include "execute.h"
#include "file_user.h"
#include "hang_up.h"
#include "namespace_file.h"
#include "netlink.h"
#include "process.h"
#include "stream_socket.h"
#include "unix_socket.h"

namespace multihomed {

namespace {

/** Sets the class of the errors; the binding calls it once. */
Napi::Value SetErrorClass(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) {
    ThrowTypeError(info.Env(), "the error class must be a constructor");
    return Napi::Value();
  }
  info.Env().GetInstanceData<Environment>()->error_class = Napi::Persistent(info[0].As<Napi::Function>());
  return Napi::Value();
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment());
  exports.Set("setErrorClass", Napi::Function::New<SetErrorClass>(env, "setErrorClass"));
  exports.Set("Netlink", Netlink::Define(env));
  exports.Set("readInNamespace", Napi::Function::New<ReadInNamespace>(env, "readInNamespace"));
  exports.Set("sendDatagram", Napi::Function::New<SendDatagram>(env, "sendDatagram"));
  exports.Set("streamSocket", Napi::Function::New<StreamSocket>(env, "streamSocket"));
  exports.Set("datagramSocket", Napi::Function::New<DatagramSocket>(env, "datagramSocket"));
  exports.Set("peerCredentials", Napi::Function::New<PeerCredentials>(env, "peerCredentials"));
  exports.Set("flock", Napi::Function::New<Flock>(env, "flock"));
  exports.Set("asFileUser", Napi::Function::New<AsFileUser>(env, "asFileUser"));
  exports.Set("onHangUp", Napi::Function::New<OnHangUp>(env, "onHangUp"));
  exports.Set("executeInNamespace", Napi::Function::New<ExecuteInNamespace>(env, "executeInNamespace"));
  exports.Set("spawnGroup", Napi::Function::New<SpawnGroup>(env, "spawnGroup"));
  exports.Set("exitOf", Napi::Function::New<ExitOf>(env, "exitOf"));
  exports.Set("reap", Napi::Function::New<Reap>(env, "reap"));
  return exports;
}

}  // namespace

NODE_API_MODULE(multihomed, Init)

}  // namespace multihomed
