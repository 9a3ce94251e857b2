/*
 * Sends paced data over MPTCP connections, and measures the longest time without data.
 * Usage: traffic server ADDRESS | traffic client ADDRESS SOURCE up|down COUNT PERIOD BYTES
 * Every PERIOD ms one side of each of COUNT connections sends BYTES: the client (up) or the server (down). Commands on
 * standard input: `gap`, `pause` (sends nothing until `go`), `go`. Each is answered with the longest time in ms between
 * two receptions since the last command; after `go` it is measured from then.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PORT 7686
#define CONNECTIONS 4096
#define MPTCP 262

/* The first bytes of a connection: whether the server sends, and its pace. */
struct order {
    int sends;
    int period;
    int bytes;
};

static struct connection {
    int fd, ordered;
    struct order order;
    double due;
} connections[CONNECTIONS];
static int count, poller, paused;
static char data[1 << 20];
static double received, longest;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void watch(int fd, int number) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void add(int fd) {
    struct connection *c = &connections[count];
    *c = (struct connection){.fd = fd};
    watch(fd, count++);
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void receive(struct connection *c, int is_server) {
    if (is_server && !c->ordered) {
        int length = recv(c->fd, &c->order, sizeof c->order, MSG_DONTWAIT);
        if (length < 0 && errno == EAGAIN) return;
        if (length != sizeof c->order) {
            close(c->fd);
            c->fd = -1;
            return;
        }
        c->ordered = 1;
        c->due = now() + c->order.period * (rand() % 1000) / 1000.0;
        return;
    }
    int length = recv(c->fd, data, sizeof data, MSG_DONTWAIT);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) {
        close(c->fd);
        c->fd = -1;
        return;
    }
    double at = now();
    if (received > 0 && at - received > longest) longest = at - received;
    received = at;
}

static void send_due(void) {
    double at = now();
    for (int n = 0; n < count; n++) {
        struct connection *c = &connections[n];
        if (c->fd < 0 || !c->order.sends || at < c->due) continue;
        c->due += c->order.period;
        if (c->due < at) c->due = at;
        if (!paused) send(c->fd, data, c->order.bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void execute_command(void) {
    char line[64];
    int length = read(0, line, sizeof line - 1);
    if (length <= 0) exit(0);
    line[length] = 0;
    if (!strncmp(line, "pause", 5)) paused = 1;
    if (!strncmp(line, "go", 2)) paused = 0;
    double at = now();
    if (received > 0 && at - received > longest) longest = at - received;
    printf("%.1f\n", longest);
    longest = 0;
    received = strncmp(line, "go", 2) ? received : at;
}

int main(int arguments, char **words) {
    if (arguments < 3) return 64;
    int is_server = !strcmp(words[1], "server");
    struct rlimit files = {CONNECTIONS + 64, CONNECTIONS + 64};
    setrlimit(RLIMIT_NOFILE, &files);
    setvbuf(stdout, NULL, _IOLBF, 0);
    poller = epoll_create1(0);
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_pton(AF_INET, words[2], &peer.sin_addr);
    int listener = -1;
    if (is_server) {
        listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, MPTCP);
        int one = 1;
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(listener, (struct sockaddr *)&peer, sizeof peer) || listen(listener, CONNECTIONS)) fail("listen");
        watch(listener, CONNECTIONS);
    } else {
        struct order order = {!strcmp(words[4], "down"), atoi(words[6]), atoi(words[7])};
        struct sockaddr_in source = {.sin_family = AF_INET};
        inet_pton(AF_INET, words[3], &source.sin_addr);
        for (int n = atoi(words[5]); n > 0; n--) {
            int fd = socket(AF_INET, SOCK_STREAM, MPTCP);
            if (bind(fd, (struct sockaddr *)&source, sizeof source)) fail("bind");
            if (connect(fd, (struct sockaddr *)&peer, sizeof peer)) fail("connect");
            send(fd, &order, sizeof order, 0);
            add(fd);
            struct connection *c = &connections[count - 1];
            c->order = order;
            c->order.sends = !order.sends;
            c->due = now() + order.period * (n % 1000) / 1000.0;
        }
    }
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec every = {{0, 1000000}, {0, 1000000}};
    timerfd_settime(timer, 0, &every, NULL);
    watch(timer, CONNECTIONS + 1);
    watch(0, CONNECTIONS + 2);
    puts("ready");
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, -1);
        for (int n = 0; n < ready; n++) {
            unsigned which = events[n].data.u32;
            if (which < CONNECTIONS) receive(&connections[which], is_server);
            else if (which == CONNECTIONS) {
                int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (fd >= 0) add(fd);
            } else if (which == CONNECTIONS + 1) {
                long long ticks;
                read(timer, &ticks, sizeof ticks);
                send_due();
            } else execute_command();
        }
    }
}
