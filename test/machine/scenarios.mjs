/** The scenarios in order: the change to the machine, and the state that is expected after it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SERVER } from './network.mjs';

export const PORT = 7000;
const ADDON = '/usr/libexec/multihomed/native/prebuilds/linux-x64/multihomed.glibc.napi.node';
const MODEM = '0c:5b:8f:27:9a:01';

/** `INTERFACE FLAGS` of each active uplink. */
const ACTIVE = `multihomed status --json | node -e '
let text = "";
process.stdin.on("data", (part) => (text += part)).on("end", () => {
  for (const { interface: name, state, flags } of JSON.parse(text).uplinks)
    if (state === "active") console.log(name, flags.join(","));
})'`;

const modem = (text) => /^\S+ subflow,backup$/m.test(text);
const card = (text) => /^\S+ subflow$/m.test(text);
const active = (guest, what, isIt) => guest.waitFor(what, ACTIVE, isIt);

/** Plugs the modem in and waits until it is a backup path. @returns seconds */
async function plugged({ guest, taps }, id = 'm1') {
  guest.plug(id, taps[1], MODEM);
  return active(guest, 'the modem is active', modem);
}

async function unplugged({ guest }, id = 'm1') {
  await guest.pull(id);
  return active(guest, 'the modem is gone', (text) => !modem(text));
}

/** Plugs in and pulls under one manager of the network. */
const under = (name, begin, end) => [
  name,
  async (machine) => {
    const { guest } = machine;
    await guest.sh(begin);
    const up = await plugged(machine);
    const driver = await guest.sh(
      'for d in /sys/class/net/*/device/driver; do basename "$(readlink "$d")"; done | grep -v virtio | sort -u',
    );
    const down = await unplugged(machine);
    await guest.sh(end);
    return `${driver}; a backup path after ${up.toFixed(1)} s, gone after ${down.toFixed(1)} s`;
  },
];

/** @returns the user and the capabilities of the daemon @throws for any others than those of its unit */
async function daemonUser(guest) {
  const who = await guest.sh(
    'pid=$(systemctl show -P MainPID multihomed); ps -o user:20= -p $pid; grep CapPrm /proc/$pid/status',
  );
  if (!/^multihomed\s+CapPrm:\s+0*1000$/.test(who)) throw new Error(`the daemon is: ${who}`);
  return who.replace(/\s+/g, ' ');
}

/** The last number that came back in the guest's transfer. */
const progress = (guest) => guest.sh('cat /run/talk');

/** Waits until ten more lines came back. @returns seconds */
async function goesOn(guest) {
  const before = Number(await progress(guest));
  return guest.waitFor('the transfer continues', 'cat /run/talk', (text) => Number(text) >= before + 10);
}

const UNMANAGED = 'systemctl mask --now --quiet NetworkManager';
const CONF = '/etc/network/interfaces.d/modem';

export const SCENARIOS = [
  [
    'install',
    async ({ guest }) => {
      await guest.waitFor('NetworkManager has an address', 'ip -4 -o address', (text) =>
        text.includes('10.80.0.'),
      );
      const before = await guest.sh('ip mptcp endpoint');
      // QEMU's adapter counts as one that is configured by hand, unless its profile says otherwise.
      await guest.sh(
        'nmcli connection add type ethernet con-name modem match.driver "cdc_* rndis_host" ipv4.method auto >/dev/null',
      );
      await guest.sh('dpkg -i /root/multihomed.deb');
      const time = await active(guest, 'the card is active', card);
      return `NetworkManager had made "${before}"; active ${time.toFixed(1)} s after dpkg`;
    },
  ],
  under('NetworkManager', 'true', 'true'),
  [
    'transfer',
    async (machine) => {
      const { guest } = machine;
      await plugged(machine);
      await guest.sh(
        `systemd-run --quiet --unit=talk node /root/talk.cjs client ${ADDON} ${SERVER} ${PORT} /run/talk`,
      );
      await guest.waitFor('the transfer begins', 'cat /run/talk', (text) => Number(text) > 20);
      guest.cable(false);
      const cut = await goesOn(guest);
      guest.cable(true);
      await active(guest, 'the card is back', card);
      const back = await goesOn(guest);
      await unplugged(machine);
      const pulled = await goesOn(guest);
      return `ten lines after ${cut.toFixed(1)} s without the cable, ${back.toFixed(1)} s with it, ${pulled.toFixed(1)} s without the modem`;
    },
  ],
  [
    'pulled during DHCP',
    async (machine) => {
      const { guest, taps } = machine;
      for (const wait of [300, 900]) {
        guest.plug('m2', taps[1], MODEM);
        await sleep(wait);
        await guest.pull('m2');
      }
      await active(guest, 'the modem is gone', (text) => !modem(text));
      await goesOn(guest);
      const rules = await guest.sh('ip -N rule | grep -c "proto 86"', { fails: true });
      if (Number(rules) > 2) throw new Error(`${rules} policy rules are left`);
    },
  ],
  [
    'user',
    async (machine) => {
      const { guest } = machine;
      const who = await daemonUser(guest);
      const hook = '/etc/multihomed/hooks.d/10-user';
      await guest.sh(`printf '#!/bin/sh\\nid -u >/run/hook-user\\n' >${hook}; chmod 755 ${hook}`);
      await plugged(machine);
      await guest.waitFor('a hook runs as root', 'cat /run/hook-user', (text) => text === '0');
      await unplugged(machine);
      await guest.sh(`rm ${hook}; systemctl reload multihomed`);
      const broken = '/etc/multihomed/rules.d/99-broken.yaml';
      const reload = await guest.sh(
        `echo 'rules: [' >${broken}; systemctl reload multihomed; echo "status $?"; rm ${broken}`,
        { fails: true },
      );
      if (!reload.endsWith('status 1')) throw new Error(`reload with errors: ${reload}`);
      await guest.sh('systemctl stop multihomed; multihomed flush --force');
      const left = await guest.sh('ip mptcp endpoint; ls /run/multihomed/*/control', { fails: true });
      if (!left.startsWith('ls: ')) throw new Error(`left after flush: ${left}`);
      await guest.sh('systemctl start multihomed');
      await active(guest, 'the card is active again', card);
      return who;
    },
  ],
  [
    'upgrade',
    async ({ guest }) => {
      await guest.sh('dpkg -i /root/multihomed.deb');
      await goesOn(guest);
      const refused = await guest.sh('dpkg -r multihomed; echo "status $?"', { fails: true });
      if (!/would cut 1 open MPTCP connection[^]*status 1/.test(refused)) throw new Error(refused);
      await goesOn(guest);
      await guest.sh('systemctl stop talk', { fails: true });
    },
  ],
  [
    'reboot',
    async (machine) => {
      const { guest } = machine;
      await plugged(machine);
      const began = performance.now();
      const boot = await guest.awake();
      await guest.sh('systemd-run --quiet --on-active=1 systemctl reboot');
      await guest.awake(boot);
      await active(guest, 'both are active', (text) => modem(text) && card(text));
      const time = ((performance.now() - began) / 1000).toFixed(0);
      await daemonUser(guest);
      await unplugged(machine);
      const blame = await guest.sh('systemd-analyze blame --no-pager | grep -n multihomed', { fails: true });
      return `both are active ${time} s later; blame: ${blame}`;
    },
  ],
  under(
    'systemd-networkd',
    `${UNMANAGED}
printf '[Match]\\nDriver=cdc_* rndis_host\\n[Network]\\nDHCP=ipv4\\n[DHCPv4]\\nRouteMetric=700\\n' >/etc/systemd/network/modem.network
systemctl start systemd-networkd`,
    'rm /etc/systemd/network/modem.network; systemctl stop systemd-networkd.socket systemd-networkd',
  ),
  under(
    'ifupdown',
    `device=enx$(echo ${MODEM} | tr -d :)
printf 'allow-hotplug %s\\niface %s inet dhcp\\n  metric 700\\n' $device $device >${CONF}`,
    `rm ${CONF}`,
  ),
  under(
    'dhcpcd',
    'systemd-run --quiet --unit=dhcpcd-all dhcpcd --nobackground -m 700 -Z "eth*,enp*"',
    'systemctl stop dhcpcd-all',
  ),
  under('60-dhcp-modem', 'true', 'true'),
  [
    'suspend',
    async (machine) => {
      const { guest } = machine;
      const able = await guest.sh('cat /sys/power/mem_sleep', { fails: true });
      if (!able.includes('deep')) return `not tried: the machine offers "${able}"`;
      await plugged(machine);
      await guest.sh('systemd-run --quiet --on-active=1 systemctl suspend');
      await sleep(8000);
      guest.monitor('system_wakeup');
      await guest.awake();
      const time = await active(guest, 'the modem is active', modem);
      await unplugged(machine);
      return `active ${time.toFixed(1)} s after the wake-up`;
    },
  ],
  [
    'purge',
    async ({ guest }) => {
      await guest.sh('dpkg -P multihomed');
      const left = await guest.sh(
        'ip mptcp endpoint; ip -N rule | grep "proto 86"; ip route show table all proto 86; ls -d /run/multihomed /etc/multihomed 2>/dev/null; true',
      );
      if (left !== '') throw new Error(`left behind: ${left}`);
    },
  ],
];
