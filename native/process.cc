#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "error.h"

namespace multihomed {

namespace {

/** The descriptor through which the program is executed, and its path. */
constexpr int kProgram = 3;
constexpr char kProgramPath[] = "/proc/self/fd/3";
/** The child's descriptors are first moved to this number and above, so that they do not overwrite each other. */
constexpr int kFirstTemporary = 10;

/** All data of the child, which must not allocate memory between fork and exec. */
struct Plan {
  int program;
  int input;
  int output;
  int error;
  /** The pipe for failures of the child, as struct Failed; exec closes it. */
  int report;
  char* const* argv;
  char* const* environment;
  bool change_user;
  uid_t uid;
  gid_t gid;
};

struct Failed {
  int error;
  int step;
};
const char* const kSteps[] = {"fcntl", "dup2", "chdir", "setresgid", "setresuid", "execve"};
enum Step { kFcntl, kDup2, kChdir, kSetGroup, kSetUser, kExec };

[[noreturn]] void Fail(int report, Step step) {
  Failed failed{errno, step};
  ssize_t written = write(report, &failed, sizeof failed);
  _exit(written == sizeof failed ? 127 : 126);
}

/** Resets the signal state to that of a program started by init: no mask, no handler, no ignored signal. */
void ResetSignals() {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number <= SIGRTMAX; number++) sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

/** Runs in the child and may make only async-signal-safe calls, signal-safety(7). */
[[noreturn]] void ExecuteProgram(const Plan& plan) {
  setsid();
  umask(022);
  int report = fcntl(plan.report, F_DUPFD_CLOEXEC, kFirstTemporary);
  if (report < 0) Fail(plan.report, kFcntl);
  const int from[] = {plan.input, plan.output, plan.error, plan.program};
  int temporary[4];
  for (int place = 0; place < 4; place++) {
    temporary[place] = fcntl(from[place], F_DUPFD_CLOEXEC, kFirstTemporary);
    if (temporary[place] < 0) Fail(report, kFcntl);
  }
  for (int place = 0; place < 4; place++)
    if (dup2(temporary[place], place) < 0) Fail(report, kDup2);
  static_assert(kProgram == 3, "the last of the four places");
  if (chdir("/") != 0) Fail(report, kChdir);
  if (plan.change_user) {
    // If a user namespace forbids setgroups (user_namespaces(7)), the child keeps the parent's supplementary groups.
    if (setgroups(0, nullptr) != 0 && errno != EPERM) Fail(report, kSetGroup);
    if (setresgid(plan.gid, plan.gid, plan.gid) != 0) Fail(report, kSetGroup);
    if (setresuid(plan.uid, plan.uid, plan.uid) != 0) Fail(report, kSetUser);
  }
  ResetSignals();
  execve(kProgramPath, plan.argv, plan.environment);
  Fail(report, kExec);
}

/** Returns false with a pending TypeError unless `value` is an array of strings without NUL. */
bool Strings(const Napi::Value& value, const char* message, std::vector<std::string>* strings) {
  if (!value.IsArray()) {
    ThrowTypeError(value.Env(), message);
    return false;
  }
  Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    Napi::Value each = array.Get(i);
    if (!each.IsString() || each.As<Napi::String>().Utf8Value().find('\0') != std::string::npos) {
      ThrowTypeError(value.Env(), message);
      return false;
    }
    strings->push_back(each.As<Napi::String>().Utf8Value());
  }
  return true;
}

/** Returns pointers for execve(2), which are valid as long as `strings` is. */
std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& each : strings) pointers.push_back(each.data());
  pointers.push_back(nullptr);
  return pointers;
}

/** Both ends are close-on-exec; the parent's is non-blocking. */
Failure Pair(Descriptor* parent, Descriptor* child) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return {errno, "socketpair"};
  *parent = Descriptor(pair[0]);
  *child = Descriptor(pair[1]);
  if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0) return {errno, "fcntl"};
  return {};
}

/** Forks, and waits until the program has been executed or has failed. */
Failure Start(Plan plan, pid_t* pid) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return {errno, "pipe2"};
  Descriptor reading(report[0]);
  Descriptor writing(report[1]);
  plan.report = writing.get();
  // Blocks all signals, because a signal handler of the parent must not run in the child.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  *pid = fork();
  if (*pid == 0) ExecuteProgram(plan);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (*pid < 0) return {error, "fork"};
  writing.Reset();
  Failed failed{};
  ssize_t got;
  do {
    got = read(reading.get(), &failed, sizeof failed);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof failed) return {};
  while (waitpid(*pid, nullptr, 0) < 0 && errno == EINTR) continue;
  return {failed.error, kSteps[failed.step]};
}

}  // namespace

Napi::Value SpawnGroup(const Napi::CallbackInfo& info) {
  double fd = 0, uid = 0, gid = 0;
  std::vector<std::string> argv{kProgramPath};
  std::vector<std::string> environment;
  if (!WholeNumber(info[0], "fd", 0, INT32_MAX, &fd) ||
      !Strings(info[1], "argv must be an array of strings without NUL", &argv) ||
      !Strings(info[2], "environment must be an array of strings without NUL", &environment) ||
      !WholeNumber(info[3], "uid", -1, UINT32_MAX - 1.0, &uid) ||
      !WholeNumber(info[4], "gid", -1, UINT32_MAX - 1.0, &gid))
    return Napi::Value();
  if ((uid < 0) != (gid < 0)) {
    ThrowTypeError(info.Env(), "uid and gid must both be given or both be -1");
    return Napi::Value();
  }
  Descriptor out, out_end, error, error_end;
  Descriptor input(open("/dev/null", O_RDONLY | O_CLOEXEC));
  Failure failure = input.open() ? Pair(&out, &out_end) : Failure{errno, "open"};
  if (!failure.failed()) failure = Pair(&error, &error_end);
  pid_t pid = 0;
  if (!failure.failed()) {
    std::vector<char*> arguments = Pointers(argv);
    std::vector<char*> variables = Pointers(environment);
    failure = Start({static_cast<int>(fd), input.get(), out_end.get(), error_end.get(), -1, arguments.data(),
                     variables.data(), uid >= 0, static_cast<uid_t>(uid), static_cast<gid_t>(gid)},
                    &pid);
  }
  if (failure.failed()) {
    ThrowSystemError(info.Env(), failure);
    return Napi::Value();
  }
  Napi::Object child = Napi::Object::New(info.Env());
  child.Set("pid", static_cast<double>(pid));
  child.Set("stdout", static_cast<double>(out.Release()));
  child.Set("stderr", static_cast<double>(error.Release()));
  return child;
}

Napi::Value ExitOf(const Napi::CallbackInfo& info) {
  double pid = 0;
  if (!WholeNumber(info[0], "pid", 1, INT32_MAX, &pid)) return Napi::Value();
  siginfo_t exited{};
  if (waitid(P_PID, static_cast<id_t>(pid), &exited, WEXITED | WNOWAIT | WNOHANG) != 0) {
    ThrowSystemError(info.Env(), {errno, "waitid"});
    return Napi::Value();
  }
  // waitid(2) sets the pid to zero while the child runs.
  if (exited.si_pid == 0) return info.Env().Null();
  Napi::Object exit = Napi::Object::New(info.Env());
  bool has_status = exited.si_code == CLD_EXITED;
  exit.Set("status", has_status ? Napi::Number::New(info.Env(), exited.si_status) : info.Env().Null());
  exit.Set("signal", has_status ? info.Env().Null() : Napi::Number::New(info.Env(), exited.si_status));
  return exit;
}

Napi::Value Reap(const Napi::CallbackInfo& info) {
  double pid = 0;
  if (!WholeNumber(info[0], "pid", 1, INT32_MAX, &pid)) return Napi::Value();
  if (waitpid(static_cast<pid_t>(pid), nullptr, WNOHANG) < 0) ThrowSystemError(info.Env(), {errno, "waitpid"});
  return Napi::Value();
}

}  // namespace multihomed
