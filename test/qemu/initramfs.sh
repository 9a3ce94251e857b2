#!/bin/busybox sh
# The first process: the disk's modules, and over to what is on the disk.
for module in /modules/*; do busybox insmod "$module"; done
busybox mount -t devtmpfs devtmpfs /dev
tries=0
until busybox mount -t ext4 -o noatime /dev/vda /mnt 2>/dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { echo 'no disk'; busybox poweroff -f; }
  busybox sleep 0.1
done
exec busybox switch_root /mnt /guest
