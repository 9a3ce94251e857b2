#include "execute.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "error.h"
#include "namespace.h"

namespace multihomed {

Napi::Value ExecuteInNamespace(const Napi::CallbackInfo& info) {
  std::string netns;
  if (!info[0].IsString() || !info[1].IsArray()) {
    ThrowTypeError(info.Env(), "netns must be a string, and arguments an array");
    return Napi::Value();
  }
  if (!OptionalPath(info[0], "netns", &netns)) return Napi::Value();
  auto given = info[1].As<Napi::Array>();
  std::vector<std::string> texts;
  // A getter may change the array's length, so it is read again for each element.
  for (uint32_t i = 0; i < given.Length(); i++) {
    Napi::Value text = given[i];
    std::string each;
    if (!text.IsString()) {
      ThrowTypeError(info.Env(), "an argument must be a string");
      return Napi::Value();
    }
    if (!OptionalPath(text, "an argument", &each)) return Napi::Value();
    texts.push_back(std::move(each));
  }
  if (texts.empty()) {
    ThrowTypeError(info.Env(), "there must be a program");
    return Napi::Value();
  }
  std::vector<char*> arguments;
  for (std::string& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  Failure failure = EnterNamespace(netns);
  if (!failure.failed()) {
    // libuv sets close-on-exec on them at its start (uv_disable_stdio_inheritance), which is undone here.
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) fcntl(fd, F_SETFD, 0);
    // Only the calling thread survives execv, so the program runs in this thread's namespace.
    execv(arguments[0], arguments.data());
    failure = {errno, "execv"};
  }
  ThrowSystemError(info.Env(), failure, netns);
  return Napi::Value();
}

}  // namespace multihomed
