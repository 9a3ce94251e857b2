// The minimum for any program: at an event of a default route, an address or carrier it sends the messages that
// multihomed sends, without reading or checking anything. Arguments: pairs of a link's index and the id of its endpoint
// (-1: the link has none).
#include <linux/if.h>
#include "netlink.h"

static int routes, generic, family;
static struct uplink {
  unsigned ip, gateway;
  int id, running, up;
} uplinks[65536];

static void add(int index, struct uplink *u) {
  struct message all[] = {
    route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, TABLE + index, PROTOCOL, u->ip, index, 0),
    route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, TABLE + index, PROTOCOL, 0, index, u->gateway),
    rule(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, u->ip, RT_TABLE_MAIN, PRIORITY - 2),
    rule(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, u->ip, TABLE + index, PRIORITY),
  };
  struct message last = endpoint(family, ADD_ADDR, u->id, u->ip, index);
  for (int i = 0; i < 4; i++) ask(routes, &all[i]);
  if (u->id > 0) ask(generic, &last);
  u->up = 1;
}

static void drop(int index, struct uplink *u) {
  struct message first = endpoint(family, DEL_ADDR, u->id, 0, 0);
  struct message all[] = {
    rule(RTM_DELRULE, 0, u->ip, TABLE + index, PRIORITY),
    rule(RTM_DELRULE, 0, u->ip, RT_TABLE_MAIN, PRIORITY - 2),
    route(RTM_DELROUTE, 0, TABLE + index, PROTOCOL, 0, index, u->gateway),
    route(RTM_DELROUTE, 0, TABLE + index, PROTOCOL, u->ip, index, 0),
  };
  if (u->id > 0) ask(generic, &first);
  for (int i = 0; i < 4; i++) ask(routes, &all[i]);
  u->up = 0;
}

static void handle(struct nlmsghdr *header) {
  int index;
  struct ifaddrmsg *address = NLMSG_DATA(header);
  struct ifinfomsg *link = NLMSG_DATA(header);
  struct rtmsg *fixed = NLMSG_DATA(header);
  void *value;
  switch (header->nlmsg_type) {
    case RTM_NEWADDR:
    case RTM_DELADDR:
      index = address->ifa_index;
      value = attribute_of(header, sizeof *address, IFA_LOCAL);
      if (value == NULL || uplinks[index].id == 0) return;
      if (header->nlmsg_type == RTM_NEWADDR) uplinks[index].ip = *(unsigned *)value;
      else if (uplinks[index].up) drop(index, &uplinks[index]);
      if (header->nlmsg_type == RTM_DELADDR) uplinks[index].ip = uplinks[index].gateway = 0;
      return;
    case RTM_NEWLINK:
      index = link->ifi_index;
      if (uplinks[index].id == 0) return;
      uplinks[index].running = (link->ifi_flags & IFF_RUNNING) != 0;
      if (!uplinks[index].running && uplinks[index].up) drop(index, &uplinks[index]);
      if (uplinks[index].running && !uplinks[index].up && uplinks[index].gateway) add(index, &uplinks[index]);
      return;
    case RTM_DELROUTE:
      value = attribute_of(header, sizeof *fixed, RTA_OIF);
      if (value == NULL || fixed->rtm_dst_len > 0 || fixed->rtm_table != RT_TABLE_MAIN) return;
      index = *(int *)value;
      if (uplinks[index].up) drop(index, &uplinks[index]);
      uplinks[index].gateway = 0;
      return;
    case RTM_NEWROUTE:
      value = attribute_of(header, sizeof *fixed, RTA_OIF);
      if (value == NULL || fixed->rtm_dst_len > 0 || fixed->rtm_table != RT_TABLE_MAIN) return;
      index = *(int *)value;
      value = attribute_of(header, sizeof *fixed, RTA_GATEWAY);
      if (value == NULL || uplinks[index].id == 0 || uplinks[index].up) return;
      uplinks[index].gateway = *(unsigned *)value;
      if (uplinks[index].ip) add(index, &uplinks[index]);
      return;
  }
}

int main(int count, char **words) {
  int events = netlink(NETLINK_ROUTE);
  int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE}, size = 8 << 20;
  char bytes[LONGEST];
  routes = netlink(NETLINK_ROUTE);
  generic = netlink(NETLINK_GENERIC);
  family = mptcp_family(generic);
  for (int i = 1; i + 1 < count; i += 2) uplinks[atoi(words[i])] = (struct uplink){.id = atoi(words[i + 1]), .running = 1};
  setsockopt(events, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  for (int i = 0; i < 3; i++) setsockopt(events, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]);
  puts("ready");
  fflush(stdout);
  for (;;) {
    int length = recv(events, bytes, sizeof bytes, 0);
    if (length < 0) continue;
    for (struct nlmsghdr *header = (void *)bytes; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length))
      handle(header);
  }
}
