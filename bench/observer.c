// Changes the network and measures the time until the effect. Its argument is the file of the namespace of the peers,
// the other ends of the links. It reads commands from standard input, one per line. `wait` and `churn` print seconds:
// `wait` those since `mark`, or -1 if the limit (60 s) is reached, `churn` its own duration.
//   mark | limit SECONDS | pause MS | addr add|delete INDEX IP | default add|delete INDEX GATEWAY
//   link up|down|delete INDEX | carrier up|down INDEX (of the peer)
//   fill INDEX COUNT GATEWAY|0.0.0.0 | churn INDEX COUNT PERSECOND GATEWAY|0.0.0.0
//   wait endpoint IP 0|1 | wait address IP 0|1 | wait table INDEX 0|1 | wait rules COUNT | wait file PATH SIZE
//   wait rule IP 0|1 (added or deleted since `mark`) | wait subflow IP 0|1 (an established TCP socket from there)
// Other forms: `observer ready COMMAND...` starts the command, ends it when it notifies READY=1, and prints its seconds
// of processor time and the seconds until READY=1; `observer cpu COMMAND...` prints the seconds of processor time and
// of real time until the command ends. Both also print its exit status.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
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
  struct timespec pause = {left, (left - (long)left) * 1e9};
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

static int is_address(struct nlmsghdr *header, void *data) {
  unsigned *ip = attribute_of(header, sizeof(struct ifaddrmsg), IFA_LOCAL);
  return ip != NULL && *ip == ((struct wanted *)data)->ip;
}

static int is_subflow(struct nlmsghdr *header, void *data) {
  return *(unsigned *)((struct inet_diag_msg *)NLMSG_DATA(header))->id.idiag_src == ((struct wanted *)data)->ip;
}

static int routes, generic, family, far, sockets, changes;
static double limit = 60;

/**
 * Reads the changes of policy rules until now. Returns 1: the rule of this address was added, 0: deleted, -1: neither.
 */
static int last_change(unsigned ip) {
  char bytes[LONGEST];
  int length, found = -1;
  while ((length = recv(changes, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
    for (struct nlmsghdr *header = (void *)bytes; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length)) {
      unsigned *source = attribute_of(header, sizeof(struct fib_rule_hdr), FRA_SRC);
      unsigned *priority = attribute_of(header, sizeof(struct fib_rule_hdr), FRA_PRIORITY);
      if (source == NULL || priority == NULL || *source != ip || *priority != PRIORITY) continue;
      found = header->nlmsg_type == RTM_NEWRULE;
    }
  return found;
}

static int count_rules(void) {
  struct fib_rule_hdr fixed = {.family = AF_INET};
  struct message m = begin(RTM_GETRULE, 0, &fixed, sizeof fixed);
  struct wanted wanted = {0};
  dump(routes, &m, count_rule, &wanted);
  return wanted.count;
}

static int has_default(int index) {
  struct rtmsg fixed = {.rtm_family = AF_INET};
  struct message m = begin(RTM_GETROUTE, 0, &fixed, sizeof fixed);
  put32(&m, RTA_TABLE, TABLE + index);
  return dump(routes, &m, is_default, NULL);
}

static int has_subflow(struct wanted *wanted) {
  struct inet_diag_req_v2 fixed = {.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = 1 << 1};
  struct message m = begin(SOCK_DIAG_BY_FAMILY, 0, &fixed, sizeof fixed);
  return dump(sockets, &m, is_subflow, wanted);
}

static int holds(const char *what, const char *which, int expected) {
  struct wanted wanted = {.ip = inet_addr(which)};
  if (strcmp(what, "endpoint") == 0) {
    struct message m = mptcp(family, GET_ADDR);
    return dump(generic, &m, is_endpoint, &wanted) == expected;
  }
  if (strcmp(what, "address") == 0) {
    struct ifaddrmsg fixed = {.ifa_family = AF_INET};
    struct message m = begin(RTM_GETADDR, 0, &fixed, sizeof fixed);
    return dump(routes, &m, is_address, &wanted) == expected;
  }
  if (strcmp(what, "table") == 0) return has_default(atoi(which)) == expected;
  if (strcmp(what, "rule") == 0) return last_change(wanted.ip) == expected;
  if (strcmp(what, "subflow") == 0) return has_subflow(&wanted) == expected;
  if (strcmp(what, "file") == 0) {
    struct stat found;
    return stat(which, &found) == 0 && found.st_size >= expected;
  }
  return count_rules() == atoi(which);
}

/** Pauses for as long as the last request took: requests use at most half of a processor and of the kernel's locks. */
static void wait_for(const char *what, const char *which, int expected, double mark) {
  for (;;) {
    double began = now();
    if (holds(what, which, expected)) break;
    double ended = now();
    if (ended > mark + limit) return (void)printf("-1\n");
    sleep_until(ended + (ended - began > 2e-5 ? ended - began : 2e-5));
  }
  printf("%.6f\n", now() - mark);
}

static void set_flags(int fd, int index, int up) {
  struct ifinfomsg fixed = {.ifi_index = index, .ifi_change = IFF_UP, .ifi_flags = up ? IFF_UP : 0};
  struct message m = begin(RTM_NEWLINK, 0, &fixed, sizeof fixed);
  ask(fd, &m);
}

/** Deletes a link in another process, because the kernel answers long after its first notification. */
static void delete_link(int index) {
  if (fork() > 0) return;
  struct ifinfomsg fixed = {.ifi_index = index};
  struct message m = begin(RTM_DELLINK, 0, &fixed, sizeof fixed);
  ask(netlink(NETLINK_ROUTE), &m);
  _exit(0);
}

/**
 * Adds and deletes routes to the networks 64.0.0.0/24, 64.0.1.0/24, ..., one after the other. `rate`: changes a second.
 */
static void churn(int index, int count, double rate, unsigned gateway) {
  double began = now();
  for (int i = 0; i < count; i++) {
    unsigned ip = htonl(0x40000000 + ((i % 60000) << 8));
    struct message m = route(RTM_NEWROUTE, NLM_F_CREATE, RT_TABLE_MAIN, RTPROT_STATIC, ip, index, gateway);
    ask(routes, &m);
    m.header.nlmsg_type = RTM_DELROUTE;
    m.header.nlmsg_flags = NLM_F_REQUEST;
    ask(routes, &m);
    sleep_until(began + (i + 1) * 2 / rate);
  }
  printf("%.6f\n", now() - began);
}

/** Adds routes to 16.0.0.0/24, 16.0.1.0/24, ..., and keeps them. */
static void fill(int index, int count, unsigned gateway) {
  for (int i = 0; i < count; i++) {
    struct message m =
      route(RTM_NEWROUTE, NLM_F_CREATE, RT_TABLE_MAIN, RTPROT_STATIC, htonl(0x10000000 + (i << 8)), index, gateway);
    transmit(routes, &m);
  }
  char answer[LONGEST];
  while (recv(routes, answer, sizeof answer, MSG_DONTWAIT) > 0)
    if (((struct nlmsghdr *)answer)->nlmsg_type == NLMSG_ERROR) die("fill");
}

static void execute_command(char *line, double *mark) {
  char verb[16] = "", action[16] = "", a[64] = "", b[64] = "", c[64] = "";
  sscanf(line, "%15s %15s %63s %63s %63s", verb, action, a, b, c);
  int adds = strcmp(action, "add") == 0, up = strcmp(action, "up") == 0, index = atoi(a);
  if (strcmp(verb, "mark") == 0) {
    last_change(0);
    *mark = now();
  }
  if (strcmp(verb, "limit") == 0) limit = atof(action);
  if (strcmp(verb, "pause") == 0) sleep_until(now() + atof(action) / 1000);
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
  if (strcmp(verb, "link") == 0 && strcmp(action, "delete") == 0) delete_link(index);
  else if (strcmp(verb, "link") == 0) set_flags(routes, index, up);
  if (strcmp(verb, "carrier") == 0) set_flags(far, index, up);
  if (strcmp(verb, "fill") == 0) fill(atoi(action), index, inet_addr(b));
  if (strcmp(verb, "churn") == 0) churn(atoi(action), index, atof(b), inet_addr(c));
  if (strcmp(verb, "wait") == 0) wait_for(action, a, atoi(b), *mark);
}

/** Starts the command. `socket`: the path of the socket for sd_notify(3), or null. */
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
  sockets = netlink(NETLINK_SOCK_DIAG);
  changes = netlink(NETLINK_ROUTE);
  int group = RTNLGRP_IPV4_RULE, size = 8 << 20;
  setsockopt(changes, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(changes, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group);
  signal(SIGCHLD, SIG_IGN);
  while (fgets(line, sizeof line, stdin) != NULL) execute_command(line, &mark);
}
