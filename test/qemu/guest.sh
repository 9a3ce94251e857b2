#!/bin/sh
# The first process from the disk: prepares the system, runs the tests on the second serial port, and powers off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root NO_COLOR=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /run
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
ip link set lo up
# The kernel loads other modules when `ip` or `ss` needs them.
modprobe -a tun mptcp_diag
cd /tree
# A pipe is not a terminal, so vitest does not redraw lines.
{
  echo "Linux $(uname -r), Node $(node --version), $(ip -V)"
  setsid sh /tests
  echo "exit status $?"
} 2>&1 </dev/null | cat >/dev/ttyS1
# The output must be transmitted before the machine powers off.
sleep 1
poweroff -f
