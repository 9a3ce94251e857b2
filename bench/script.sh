#!/bin/sh
# What users write instead of a daemon: reads the lines of `ip monitor`, and runs one `ip` for each step.
ip -o monitor link route | while read -r first second rest; do
  case "$first $second $rest" in
    *" table "*) ;; # a route that this script added
    "default via "*" dev u"*)
      gateway=${rest%% *}
      device=${rest#* dev }
      device=${device%% *}
      index=$(cat "/sys/class/net/$device/ifindex")
      address=$(ip -o -4 address show dev "$device" | awk '{ sub("/.*", "", $4); print $4; exit }')
      table=$((86840000 + index))
      ip route replace default via "$gateway" dev "$device" table "$table"
      ip rule add from "$address" lookup "$table" priority 8684
      ip mptcp endpoint add "$address" dev "$device" subflow
      ;;
    *" u"[0-9]*"NO-CARRIER"*"state DOWN"* | *" u"[0-9]*" state DOWN"*)
      device=${second%%@*}
      ip mptcp endpoint show | while read -r address _ id words; do
        case "$words " in *"dev $device "*) ip mptcp endpoint delete id "$id" ;; esac
      done
      ;;
    "Deleted default via "*" dev u"* | "Deleted default "*)
      device=${rest#* dev }
      device=${device%% *}
      ip mptcp endpoint show | while read -r address _ id words; do
        case "$words " in
          *"dev $device "*)
            ip mptcp endpoint delete id "$id"
            ip rule del from "$address" priority 8684
            ip route flush table "$((86840000 + $(cat "/sys/class/net/$device/ifindex")))"
            ;;
        esac
      done
      ;;
  esac
done
