// Changes the network and measures how long the effect takes. One command a line; `SECONDS` since `mark`, or -1
// after 60 s, is the answer to each that waits:
//   mark | addr add|delete INDEX IP | default add|delete INDEX GATEWAY | carrier up|down INDEX (of the peer)
//   churn INDEX COUNT PERSECOND GATEWAY|0
//   wait endpoint IP 0|1 | wait table INDEX 0|1 | wait rules COUNT
// Other forms: `observer ready COMMAND...` prints the seconds until it notifies READY=1, and its processor time;
// `observer cpu COMMAND...` the seconds of processor time and of real time until it ends.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include "netlink.h"

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

static void sleep_until(double then) {
  double left = then - now();
  struct timespec pause = {0, left * 1e9};
  if (left > 0) nanosleep(&pause, NULL);
}

struct wanted {
  unsigned ip;
  int count;
};

static int is_endpoint(struct nlmsghdr *header, void *data) {
  char *nest = attribute_of(header, sizeof(struct genlmsghdr), ATTR_ADDR);
  if (nest == NULL) return 0;
  int length = ((struct rtattr *)(nest - RTA_LENGTH(0)))->rta_len - RTA_LENGTH(0);
  unsigned *ip = attribute(nest, length, ADDR_ADDR4);
  return ip != NULL && *ip == ((struct wanted *)data)->ip;
}

static int is_default(struct nlmsghdr *header, void *data) {
  (void)data;
  return header->nlmsg_type == RTM_NEWROUTE && ((struct rtmsg *)NLMSG_DATA(header))->rtm_dst_len == 0;
}

static int count_rule(struct nlmsghdr *header, void *data) {
  unsigned *priority = attribute_of(header, sizeof(struct fib_rule_hdr), FRA_PRIORITY);
  if (priority != NULL && *priority == PRIORITY) ((struct wanted *)data)->count++;
  return 0;
}

static int routes, generic, family, far;

static int holds(const char *what, const char *which, int expected) {
  struct wanted wanted = {0};
  if (strcmp(what, "endpoint") == 0) {
    struct message m = mptcp(family, GET_ADDR);
    wanted.ip = inet_addr(which);
    return dump(generic, &m, is_endpoint, &wanted) == expected;
  }
  if (strcmp(what, "table") == 0) {
    struct rtmsg fixed = {.rtm_family = AF_INET};
    struct message m = begin(RTM_GETROUTE, 0, &fixed, sizeof fixed);
    put32(&m, RTA_TABLE, TABLE + atoi(which));
    return dump(routes, &m, is_default, NULL) == expected;
  }
  struct fib_rule_hdr fixed = {.family = AF_INET};
  struct message m = begin(RTM_GETRULE, 0, &fixed, sizeof fixed);
  dump(routes, &m, count_rule, &wanted);
  return wanted.count == atoi(which);
}

static void obey(char *line, double *mark) {
  char verb[16] = "", action[16] = "", a[64] = "", b[64] = "", c[64] = "";
  sscanf(line, "%15s %15s %63s %63s %63s", verb, action, a, b, c);
  int adds = strcmp(action, "add") == 0, index = atoi(a);
  if (strcmp(verb, "mark") == 0) *mark = now();
  if (strcmp(verb, "addr") == 0) {
    struct ifaddrmsg fixed = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = index};
    struct message m = begin(adds ? RTM_NEWADDR : RTM_DELADDR, adds ? NLM_F_CREATE : 0, &fixed, sizeof fixed);
    put32(&m, IFA_LOCAL, inet_addr(b));
    put32(&m, IFA_ADDRESS, inet_addr(b));
    ask(routes, &m);
  }
  if (strcmp(verb, "default") == 0) {
    int type = adds ? RTM_NEWROUTE : RTM_DELROUTE, flags = adds ? NLM_F_CREATE | NLM_F_EXCL : 0;
    struct message m = route(type, flags, RT_TABLE_MAIN, RTPROT_DHCP, 0, index, inet_addr(b));
    int error = ask(routes, &m);
    if (error && adds) fprintf(stderr, "default %s: %s\n", b, strerror(error));
  }
  if (strcmp(verb, "carrier") == 0) {
    struct ifinfomsg fixed = {.ifi_index = index, .ifi_change = IFF_UP};
    fixed.ifi_flags = strcmp(action, "up") == 0 ? IFF_UP : 0;
    struct message m = begin(RTM_NEWLINK, 0, &fixed, sizeof fixed);
    ask(far, &m);
  }
  if (strcmp(verb, "churn") == 0) {
    double began = now(), rate = atof(b);
    for (int i = 0; i < index; i++) {
      unsigned ip = htonl(0x14000000 + ((i % 60000) << 8));
      struct message m = route(RTM_NEWROUTE, NLM_F_CREATE, RT_TABLE_MAIN, RTPROT_STATIC, ip, atoi(action), inet_addr(c));
      ask(routes, &m);
      m.header.nlmsg_type = RTM_DELROUTE;
      m.header.nlmsg_flags = NLM_F_REQUEST;
      ask(routes, &m);
      sleep_until(began + (i + 1) * 2 / rate);
    }
    printf("%.6f\n", now() - began);
  }
  if (strcmp(verb, "wait") == 0) {
    while (!holds(action, a, atoi(b)) && now() < *mark + 60) sleep_until(now() + 2e-5);
    printf("%.6f\n", now() < *mark + 60 ? now() - *mark : -1);
  }
}

/** Starts the command. `socket`: of sd_notify(3), or null. */
static pid_t start(char **words, const char *socket) {
  pid_t child = fork();
  if (child != 0) return child;
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  if (socket != NULL) setenv("NOTIFY_SOCKET", socket, 1);
  execvp(words[0], words);
  _exit(127);
}

static void report(pid_t child, double seconds) {
  struct rusage used;
  int status;
  if (wait4(child, &status, 0, &used) < 0) die("wait4");
  double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  printf("%.6f %.6f %d\n", cpu, seconds, WEXITSTATUS(status));
}

static void ready(char **words) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char text[4096] = "";
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  snprintf(address.sun_path, sizeof address.sun_path, "/run/bench-notify");
  unlink(address.sun_path);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  double began = now();
  pid_t child = start(words, address.sun_path);
  while (strstr(text, "READY=1") == NULL) {
    ssize_t length = recv(fd, text, sizeof text - 1, 0);
    if (length < 0) die("recv");
    text[length] = 0;
  }
  double seconds = now() - began;
  kill(child, SIGTERM);
  report(child, seconds);
}

int main(int count, char **words) {
  if (count > 2 && strcmp(words[1], "ready") == 0) return ready(words + 2), 0;
  if (count > 2 && strcmp(words[1], "cpu") == 0) {
    double began = now();
    pid_t child = start(words + 2, NULL);
    siginfo_t ended;
    waitid(P_PID, child, &ended, WEXITED | WNOWAIT);
    return report(child, now() - began), 0;
  }
  char line[256];
  double mark = 0;
  prctl(PR_SET_TIMERSLACK, 1);
  setvbuf(stdout, NULL, _IOLBF, 0);
  int here = open("/proc/self/ns/net", O_RDONLY), there = open(words[1], O_RDONLY);
  if (there < 0 || setns(there, CLONE_NEWNET) < 0) die(words[1]);
  far = netlink(NETLINK_ROUTE);
  if (setns(here, CLONE_NEWNET) < 0) die("setns");
  routes = netlink(NETLINK_ROUTE);
  generic = netlink(NETLINK_GENERIC);
  family = mptcp_family(generic);
  while (fgets(line, sizeof line, stdin) != NULL) obey(line, &mark);
}
