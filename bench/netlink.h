// The few netlink messages that the benchmark needs, each in one buffer on the stack. IPv4 only; errors end the
// program. Compile with -fno-strict-aliasing: attributes are written into an array of bytes.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/genetlink.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** From linux/mptcp.h and linux/mptcp_pm.h, which older headers lack and which conflict with netinet/in.h. */
#define MPTCP_PM "mptcp_pm"
enum { ADD_ADDR = 1, DEL_ADDR = 2, GET_ADDR = 3, ATTR_ADDR = 1, FLAG_SUBFLOW = 2 };
enum { ADDR_FAMILY = 1, ADDR_ID = 2, ADDR_ADDR4 = 3, ADDR_FLAGS = 6, ADDR_IF_IDX = 7 };

enum { PRIORITY = 8684, TABLE = 86840000, PROTOCOL = 86, LONGEST = 65536 };

struct message {
  struct nlmsghdr header;
  char bytes[1024];
};

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int netlink(int protocol) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  int on = 1;
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("netlink");
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  return fd;
}

static struct message begin(int type, int flags, const void *fixed, size_t length) {
  struct message m = {.header = {NLMSG_LENGTH(length), type, NLM_F_REQUEST | flags, 1, 0}, .bytes = {0}};
  memcpy(m.bytes, fixed, length);
  return m;
}

static struct rtattr *put(struct message *m, int type, const void *value, size_t length) {
  struct rtattr *attribute = (struct rtattr *)((char *)m + NLMSG_ALIGN(m->header.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = RTA_LENGTH(length);
  if (length > 0) memcpy(RTA_DATA(attribute), value, length);
  m->header.nlmsg_len = NLMSG_ALIGN(m->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
  return attribute;
}

static void put32(struct message *m, int type, unsigned value) { put(m, type, &value, 4); }

static void transmit(int fd, struct message *m) {
  if (send(fd, m, m->header.nlmsg_len, 0) < 0) die("send");
}

/** Sends a request and waits for its acknowledgement. Returns the errno. */
static int ask(int fd, struct message *m) {
  char answer[LONGEST];
  m->header.nlmsg_flags |= NLM_F_ACK;
  transmit(fd, m);
  for (;;) {
    if (recv(fd, answer, sizeof answer, 0) < 0) die("recv");
    struct nlmsghdr *header = (struct nlmsghdr *)answer;
    if (header->nlmsg_type == NLMSG_ERROR) return -((struct nlmsgerr *)NLMSG_DATA(header))->error;
  }
}

/** Calls `each` for every message of a dump until it returns nonzero, and reads the rest of the dump. */
static int dump(int fd, struct message *m, int (*each)(struct nlmsghdr *, void *), void *data) {
  char answer[LONGEST];
  int found = 0;
  m->header.nlmsg_flags |= NLM_F_DUMP;
  transmit(fd, m);
  for (;;) {
    int length = recv(fd, answer, sizeof answer, 0);
    if (length < 0) die("recv");
    struct nlmsghdr *header = (struct nlmsghdr *)answer;
    for (; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length)) {
      if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) return found;
      if (!found) found = each(header, data);
    }
  }
}

/** The attribute `type` among those that begin at `first`; null: there is none. */
static void *attribute(void *first, int length, int type) {
  for (struct rtattr *each = first; RTA_OK(each, length); each = RTA_NEXT(each, length))
    if ((each->rta_type & NLA_TYPE_MASK) == type) return RTA_DATA(each);
  return NULL;
}

static void *attribute_of(struct nlmsghdr *header, size_t fixed, int type) {
  char *first = (char *)NLMSG_DATA(header) + NLMSG_ALIGN(fixed);
  return attribute(first, header->nlmsg_len - NLMSG_SPACE(fixed), type);
}

/** The id of the generic netlink family mptcp_pm. */
static int mptcp_family(int fd) {
  struct genlmsghdr fixed = {.cmd = CTRL_CMD_GETFAMILY, .version = 1};
  struct message m = begin(GENL_ID_CTRL, 0, &fixed, sizeof fixed);
  char answer[LONGEST];
  put(&m, CTRL_ATTR_FAMILY_NAME, MPTCP_PM, sizeof MPTCP_PM);
  transmit(fd, &m);
  if (recv(fd, answer, sizeof answer, 0) < 0) die("recv");
  unsigned short *id = attribute_of((struct nlmsghdr *)answer, sizeof fixed, CTRL_ATTR_FAMILY_ID);
  if (id == NULL) die("mptcp_pm");
  return *id;
}

static struct message mptcp(int family, int command) {
  struct genlmsghdr fixed = {.cmd = command, .version = 1};
  return begin(family, 0, &fixed, sizeof fixed);
}

static struct message endpoint(int family, int command, int id, unsigned ip, int index) {
  struct message m = mptcp(family, command);
  unsigned short inet = AF_INET;
  unsigned char number = id;
  struct rtattr *nest = put(&m, ATTR_ADDR | NLA_F_NESTED, NULL, 0);
  put(&m, ADDR_ID, &number, 1);
  if (command == ADD_ADDR) {
    put(&m, ADDR_FAMILY, &inet, 2);
    put32(&m, ADDR_ADDR4, ip);
    put32(&m, ADDR_IF_IDX, index);
    put32(&m, ADDR_FLAGS, FLAG_SUBFLOW);
  }
  nest->rta_len = (char *)&m + m.header.nlmsg_len - (char *)nest;
  return m;
}

/** A default route, or with `ip` the route to its /24, in a table. `gateway` 0: none. */
static struct message route(int type, int flags, unsigned table, int protocol, unsigned ip, int index, unsigned gateway) {
  struct rtmsg fixed = {.rtm_family = AF_INET, .rtm_dst_len = ip ? 24 : 0, .rtm_protocol = protocol};
  fixed.rtm_type = RTN_UNICAST;
  fixed.rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  struct message m = begin(type, flags, &fixed, sizeof fixed);
  unsigned network = ip & htonl(0xffffff00);
  if (ip) put32(&m, RTA_DST, network);
  if (gateway) put32(&m, RTA_GATEWAY, gateway);
  put32(&m, RTA_TABLE, table);
  put32(&m, RTA_OIF, index);
  if (table == RT_TABLE_MAIN) put32(&m, RTA_PRIORITY, 100 + index);
  return m;
}

/** A policy rule from an address: to the main table without its default routes, or to a table of its own. */
static struct message rule(int type, int flags, unsigned ip, unsigned table, unsigned priority) {
  struct fib_rule_hdr fixed = {.family = AF_INET, .src_len = 32, .action = FR_ACT_TO_TBL};
  struct message m = begin(type, flags, &fixed, sizeof fixed);
  unsigned char protocol = PROTOCOL;
  put32(&m, FRA_SRC, ip);
  put32(&m, FRA_TABLE, table);
  put32(&m, FRA_PRIORITY, priority);
  put(&m, FRA_PROTOCOL, &protocol, 1);
  if (table == RT_TABLE_MAIN) put32(&m, FRA_SUPPRESS_PREFIXLEN, 0);
  return m;
}
