#define _GNU_SOURCE
/*
 * Forwards packets between two interfaces like a cable, and delays or drops them.
 * Usage: line NEAR FAR. Commands on standard input: `delay MS` (in each direction), `loss PERCENT` (of the packets in
 * each direction, at random, but no ARP), `cut` (drops all packets), `restore`. Each is answered with a line.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PACKETS 65536 /* of each direction; more are dropped */
#define BATCH 64
#define VNET_HEADER 10 /* bytes of struct virtio_net_hdr before each packet */

struct packet {
    int64_t due; /* ns */
    int length;
    char *bytes;
};

struct direction {
    int from, to;
    unsigned head, tail;
    struct packet queue[PACKETS];
};

static struct direction directions[2];
static int64_t delay_ns;
static double loss; /* share */
static int is_cut;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int open_device(const char *name) {
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL)), one = 1, size = 16 << 20;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    address.sll_ifindex = if_nametoindex(name);
    /* With its header a packet keeps its size and a checksum that is still to be computed. */
    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one);
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    if (bind(fd, (struct sockaddr *)&address, sizeof address)) {
        perror(name);
        exit(1);
    }
    return fd;
}

static int is_arp(const char *packet) {
    struct ether_header header;
    memcpy(&header, packet + VNET_HEADER, sizeof header);
    return header.ether_type == htons(ETHERTYPE_ARP);
}

static void receive(struct direction *d) {
    static char buffer[70000];
    for (int n = 0; n < BATCH; n++) {
        int length = recv(d->from, buffer, sizeof buffer, 0);
        if (length <= 0) return;
        if (is_cut || d->tail - d->head == PACKETS) continue;
        if (loss > 0 && drand48() < loss && !is_arp(buffer)) continue;
        if (delay_ns == 0 && d->head == d->tail) {
            send(d->to, buffer, length, 0);
            continue;
        }
        struct packet *p = &d->queue[d->tail++ % PACKETS];
        *p = (struct packet){.due = now() + delay_ns, .length = length, .bytes = malloc(length)};
        memcpy(p->bytes, buffer, length);
    }
}

static void deliver(struct direction *d) {
    while (d->head != d->tail && d->queue[d->head % PACKETS].due <= now()) {
        struct packet *p = &d->queue[d->head++ % PACKETS];
        send(d->to, p->bytes, p->length, 0);
        free(p->bytes);
    }
}

static void execute_command(void) {
    static char line[64];
    double percent;
    int milliseconds, length = read(0, line, sizeof line - 1);
    if (length <= 0) exit(0);
    line[length] = 0;
    if (sscanf(line, "delay %d", &milliseconds) == 1) delay_ns = milliseconds * 1000000LL;
    if (sscanf(line, "loss %lf", &percent) == 1) loss = percent / 100;
    if (!strncmp(line, "cut", 3)) is_cut = 1;
    if (!strncmp(line, "restore", 7)) is_cut = 0;
    puts("done");
}

int main(int count, char **names) {
    if (count != 3) return 64;
    setvbuf(stdout, NULL, _IOLBF, 0);
    int near = open_device(names[1]), far = open_device(names[2]);
    directions[0].from = directions[1].to = near;
    directions[0].to = directions[1].from = far;
    puts("ready");
    for (;;) {
        struct pollfd fds[] = {{near, POLLIN, 0}, {far, POLLIN, 0}, {0, POLLIN, 0}};
        int64_t due = INT64_MAX;
        for (int n = 0; n < 2; n++) {
            struct direction *d = &directions[n];
            if (d->head != d->tail && d->queue[d->head % PACKETS].due < due) due = d->queue[d->head % PACKETS].due;
        }
        int64_t wait = due == INT64_MAX ? 0 : due - now();
        struct timespec timeout = {wait > 0 ? wait / 1000000000 : 0, wait > 0 ? wait % 1000000000 : 0};
        ppoll(fds, 3, due == INT64_MAX ? NULL : &timeout, NULL);
        if (fds[2].revents) execute_command();
        for (int n = 0; n < 2; n++) {
            if (fds[n].revents) receive(&directions[n]);
            deliver(&directions[n]);
        }
    }
}
