/** The scenarios in order: the change to the machine, and the state that is expected after it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LEASE, TARGET } from './network.mjs';
import {
  daemonUser,
  goesOn,
  hasCard,
  hasModem,
  isModem,
  MODEM,
  MODEM_NAME,
  plugged,
  PORT,
  startTime,
  transferring,
  under,
  unplugged,
  uplinks,
} from './steps.mjs';

const UNMANAGED = 'systemctl mask --now --quiet NetworkManager';
const INTERFACES = '/etc/network/interfaces.d/modem';
const CONFIG = '/etc/multihomed/config.yaml';

/** Debian sets the sysctl only with the package linux-sysctl-defaults, which the guest does not have. */
async function permitPing(guest) {
  const log = 'journalctl -b -u multihomed -o cat';
  await guest.waitFor('the log names the sysctl', log, (text) =>
    text.includes('ICMP echo needs net.ipv4.ping_group_range="0 2147483647" (sysctl)'),
  );
  await guest.sh('sysctl -w net.ipv4.ping_group_range="0 2147483647"');
}

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
        `nmcli connection add type ethernet con-name modem match.driver "cdc_* rndis_host" ipv4.method auto \
connection.multi-connect multiple >/dev/null`,
      );
      await guest.sh('dpkg -i /root/multihomed.deb');
      const time = await uplinks(guest, 'the card is active', hasCard);
      return `NetworkManager had made "${before}"; active ${time.toFixed(1)} s after dpkg; ${await startTime(guest)}`;
    },
  ],
  under('NetworkManager', 'true', 'true'),
  [
    'ModemManager',
    async (machine) => {
      const { guest } = machine;
      await plugged(machine);
      await guest.sh('mmcli --scan-modems');
      const modems = await guest.sh('mmcli --list-modems');
      if (modems !== 'No modems were found') throw new Error(modems);
      // It looks at all devices again when it starts.
      await guest.sh('systemctl restart ModemManager');
      await guest.waitFor('ModemManager has started', 'mmcli --list-modems', (text) => text === modems);
      const log = await guest.sh(`journalctl -b -u ModemManager -o cat | grep -i "device" | sort -u`, {
        fails: true,
      });
      await uplinks(guest, 'the modem is active', hasModem);
      await unplugged(machine);
      return `${modems}; ${log.replaceAll('\n', ' | ')}`;
    },
  ],
  [
    'transfer',
    async (machine) => {
      const { guest } = machine;
      await plugged(machine);
      await transferring(guest);
      guest.cable(false);
      const cut = await goesOn(guest);
      guest.cable(true);
      await uplinks(guest, 'the card is back', hasCard);
      const back = await goesOn(guest);
      await unplugged(machine);
      const pulled = await goesOn(guest);
      return `ten lines after ${cut.toFixed(1)} s without the cable, ${back.toFixed(1)} s with it, ${pulled.toFixed(1)} s without the modem`;
    },
  ],
  [
    'pulled during DHCP',
    async ({ guest, taps }) => {
      await transferring(guest);
      for (const wait of [300, 900]) {
        guest.plug('m2', taps[1], MODEM);
        await sleep(wait);
        await guest.pull('m2');
      }
      await uplinks(guest, 'the modem is gone', (all) => !hasModem(all));
      await goesOn(guest);
      const rules = await guest.sh('ip -N rule | grep -c "proto 86"', { fails: true });
      if (Number(rules) > 2) throw new Error(`${rules} policy rules are left`);
    },
  ],
  [
    'two identical modems',
    async ({ guest, modems }) => {
      await transferring(guest);
      let [first, second] = ['', ''];
      const leased = (all) => all.filter(({ address }) => address === LEASE);
      guest.plug('m3', modems[0], MODEM);
      await uplinks(guest, 'the first is active', (all) => {
        [first] = leased(all).filter(isModem);
        return first !== undefined;
      });
      guest.plug('m4', modems[1], MODEM);
      await uplinks(guest, 'the second is in conflict', (all) => {
        second = leased(all).find(({ code }) => code === 'same-address-first');
        return second?.state === 'conflict' && leased(all).some(isModem);
      });
      await goesOn(guest);
      await guest.pull('m3');
      const time = await uplinks(guest, 'the second takes over', (all) =>
        leased(all).some((each) => isModem(each) && each.interface === second.interface),
      );
      guest.cable(false);
      const cut = await goesOn(guest);
      guest.cable(true);
      await uplinks(guest, 'the card is back', hasCard);
      await guest.pull('m4');
      await uplinks(guest, 'the second is gone', (all) => !hasModem(all));
      await goesOn(guest);
      return `${first.interface} was active, ${second.interface} in conflict (${second.reason}); it took over ${time.toFixed(1)} s after ${first.interface} was pulled, and carried ten lines after ${cut.toFixed(1)} s without the cable`;
    },
  ],
  [
    'probe',
    async (machine) => {
      const { guest, network, taps } = machine;
      await guest.sh('systemctl stop talk', { fails: true });
      await plugged(machine);
      const times = [];
      for (const target of [TARGET, `tcp://${TARGET}:${PORT}`]) {
        const probe = `{ track: "${target}", interval: 2s, timeout: 2s, up: 2, down: 2 }`;
        await guest.sh(`echo 'health: { probe: ${probe} }' >${CONFIG}; systemctl reload multihomed`);
        if (target === TARGET) await permitPing(guest);
        network.block(taps[1], true);
        const lost = await uplinks(guest, 'the modem is suspect', (all) =>
          all.some(({ state }) => state === 'suspect'),
        );
        network.block(taps[1], false);
        const back = await uplinks(guest, 'the modem is active again', hasModem);
        times.push(`${target}: suspect after ${lost.toFixed(1)} s, active after ${back.toFixed(1)} s`);
      }
      await guest.sh(`rm ${CONFIG}; systemctl reload multihomed`);
      await unplugged(machine);
      return `${times.join('; ')}; as ${await daemonUser(guest)}`;
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
      await uplinks(guest, 'the card is active again', hasCard);
      return who;
    },
  ],
  [
    'upgrade',
    async ({ guest }) => {
      await transferring(guest);
      await guest.sh('dpkg -i /root/multihomed.deb');
      await goesOn(guest);
      const refused = await guest.sh('dpkg -r multihomed; echo "status $?"', { fails: true });
      if (!/would cut 1 open MPTCP connection[^]*status 1/.test(refused)) throw new Error(refused);
      await goesOn(guest);
      await guest.sh('systemctl stop talk', { fails: true });
      return startTime(guest);
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
      await uplinks(guest, 'both are active', (all) => hasModem(all) && hasCard(all));
      const time = ((performance.now() - began) / 1000).toFixed(0);
      await daemonUser(guest);
      await unplugged(machine);
      const waits = await guest.sh('systemctl show --property=After --value multi-user.target');
      if (/\bmultihomed\.service\b/.test(waits)) throw new Error('multi-user.target waits for the daemon');
      const blame = await guest.sh('systemd-analyze blame --no-pager | grep -n multihomed', { fails: true });
      return `both are active ${time} s later; ${await startTime(guest)}; blame: ${blame}`;
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
    // The driver with which the name is known.
    `${UNMANAGED}; modprobe cdc_ether
printf 'allow-hotplug %s\\niface %s inet dhcp\\n  metric 700\\n' ${MODEM_NAME} ${MODEM_NAME} >${INTERFACES}`,
    `rm ${INTERFACES}`,
  ),
  under(
    'dhcpcd',
    `${UNMANAGED}
systemd-run --quiet --unit=dhcpcd-all dhcpcd --nobackground -m 700 -Z "eth*,enp*"`,
    'systemctl stop dhcpcd-all',
  ),
  under('60-dhcp-modem', UNMANAGED, 'true', async ({ guest }) => {
    // The client lives on when the unit of the hooks is stopped, and the unit starts again beside it.
    const client = 'cat /proc/$(pgrep -o dhcpcd)/cgroup';
    const before = await guest.sh(client);
    if (!before.endsWith('.scope')) throw new Error(`the DHCP client is in ${before}`);
    await guest.sh('systemctl stop multihomed-hooks.service');
    if ((await guest.sh(client)) !== before) throw new Error('the DHCP client has ended with the hooks');
    await guest.sh('systemctl restart multihomed');
    await uplinks(guest, 'the modem is active', hasModem);
    const hook = '/etc/multihomed/hooks.d/10-again';
    await guest.sh(`printf '#!/bin/sh\\ntouch /run/hook-again\\n' >${hook}; chmod 755 ${hook}`);
    guest.cable(false);
    await guest.waitFor('hooks run again', 'ls /run/hook-again', (text) => text === '/run/hook-again');
    guest.cable(true);
    await uplinks(guest, 'the card is back', hasCard);
    const left = await guest.sh(
      `rm ${hook}; journalctl -b -o cat -u multihomed-hooks -u multihomed | grep -i "left-over process\\|remains running"`,
      { fails: true },
    );
    if (left !== '') throw new Error(left);
  }),
  [
    'suspend',
    async (machine) => {
      const { guest } = machine;
      const able = await guest.sh('cat /sys/power/mem_sleep', { fails: true });
      if (!able.includes('deep')) return `not tried: the machine offers "${able}"`;
      await plugged(machine);
      await guest.sh('systemd-run --quiet --on-active=1 systemctl suspend');
      await guest.suspended();
      await sleep(2000);
      guest.monitor('system_wakeup');
      await guest.awake();
      const time = await uplinks(guest, 'the modem is active', (all) => hasModem(all) && hasCard(all));
      await unplugged(machine);
      return `active ${time.toFixed(1)} s after the wake-up`;
    },
  ],
  [
    'purge',
    async ({ guest }) => {
      await guest.sh('dpkg -P multihomed');
      const left = await guest.sh(
        `ip mptcp endpoint; ip -N rule | grep "proto 86"; ip route show table all proto 86
find / -xdev -path "*multihomed*" ! -path "/root/*" ! -path "/var/log/*"; ls -d /run/multihomed* 2>/dev/null; true`,
      );
      if (left !== '') throw new Error(`left behind: ${left}`);
    },
  ],
];
