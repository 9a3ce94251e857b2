#!/bin/busybox sh
# The first process: the disk's modules, and over to what is on the disk.
for module in /modules/*; do busybox insmod "$module"; done
busybox mount -t devtmpfs devtmpfs /dev
while [ ! -b /dev/vda ]; do busybox sleep 0.1; done
busybox mount -t ext4 -o noatime /dev/vda /mnt
exec busybox switch_root /mnt /guest
