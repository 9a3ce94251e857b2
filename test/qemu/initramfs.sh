#!/bin/busybox sh
# The first process: loads the modules of the disk and switches to it.
for module in /modules/*; do busybox insmod "$module"; done
busybox mount -t devtmpfs devtmpfs /dev
tries=0
until busybox mount -t ext4 -o noatime /dev/vda /mnt 2>/dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { echo 'no disk'; busybox poweroff -f; }
  busybox sleep 0.1
done
exec busybox switch_root /mnt /guest
