/** What several scenarios do with the machine, and what they wait for. */
import { SERVER } from './network.mjs';

export const PORT = 7000;
export const MODEM = '0c:5b:8f:27:9a:01';
/**
 * The interface of the modem, if cdc_ether binds it. If the guest loads cdc_subset first, which does not know the
 * address, the name is random.
 */
export const MODEM_NAME = `enx${MODEM.replaceAll(':', '')}`;

const ADDON = '/usr/libexec/multihomed/native/prebuilds/linux-x64/multihomed.glibc.napi.node';

/** Milliseconds: the command itself keeps an emulated processor busy for seconds. */
const STATUS_PAUSE_MS = 2500;

/** Waits until the uplinks of `multihomed status` are as expected. @returns seconds */
export function uplinks(guest, what, isIt) {
  const isSo = (text) => {
    try {
      return isIt(JSON.parse(text).uplinks);
    } catch (error) {
      // The daemon does not run, or the command was ended by a reboot.
      if (error instanceof SyntaxError) return false;
      throw error;
    }
  };
  return guest.waitFor(what, 'multihomed status --json', isSo, STATUS_PAUSE_MS);
}

const isActive = (flags) => (each) => each.state === 'active' && each.flags.join() === flags;
export const isCard = isActive('subflow');
export const isModem = isActive('subflow,backup');
export const hasCard = (all) => all.some(isCard);
export const hasModem = (all) => all.some(isModem);

/** Plugs the modem in and waits until it is a backup path. @returns seconds */
export async function plugged({ guest, taps }) {
  guest.plug('m1', taps[1], MODEM);
  return uplinks(guest, 'the modem is active', hasModem);
}

export async function unplugged({ guest }) {
  await guest.pull('m1');
  return uplinks(guest, 'the modem is gone', (all) => !hasModem(all));
}

/** Plugs the modem in and pulls it under one manager of the network. */
export const under = (name, begin, end, check = async () => {}) => [
  name,
  async (machine) => {
    const { guest } = machine;
    await guest.sh(begin);
    const up = await plugged(machine);
    const driver = await guest.sh(
      'for d in /sys/class/net/*/device/driver; do basename "$(readlink "$d")"; done | grep -v virtio',
    );
    await check(machine);
    const down = await unplugged(machine);
    await guest.sh(end);
    return `${driver}; a backup path after ${up.toFixed(1)} s, gone after ${down.toFixed(1)} s`;
  },
];

/** @returns the user and the capabilities of the daemon @throws for any others than those of its unit */
export async function daemonUser(guest) {
  const who = await guest.sh(
    'pid=$(systemctl show -P MainPID multihomed); ps -o user:20= -p $pid; grep CapPrm /proc/$pid/status',
  );
  if (!/^multihomed\s+CapPrm:\s+0*1000$/.test(who)) throw new Error(`the daemon is: ${who}`);
  return who.replace(/\s+/g, ' ');
}

/** How long the last start of the daemon took, by systemd and the journal. @returns words */
export async function startTime(guest) {
  const text = await guest.sh(
    `systemctl show -P ExecMainStartTimestampMonotonic -P ActiveEnterTimestampMonotonic multihomed
journalctl -b -u multihomed -o json --output-fields=MESSAGE | grep '"started, ' | tail -1`,
  );
  const [began, ready, line] = text.split('\n');
  const after = (time) => `${((Number(time) - Number(began)) / 1e6).toFixed(1)} s`;
  const { __MONOTONIC_TIMESTAMP: first } = JSON.parse(line);
  return `the daemon was ready ${after(ready)} after its start, its first line came after ${after(first)}`;
}

/** Starts a transfer over MPTCP unless one is open. */
export async function transferring(guest) {
  if ((await guest.sh('systemctl is-active talk', { fails: true })) === 'active') return;
  await guest.sh(
    `systemd-run --quiet --collect --unit=talk node /root/talk.cjs client ${ADDON} ${SERVER} ${PORT} /run/talk`,
  );
  await guest.waitFor('the transfer begins', 'cat /run/talk', (text) => Number(text) > 20);
}

/** Waits until ten more lines of the transfer came back. @returns seconds */
export async function goesOn(guest) {
  const before = Number(await guest.sh('cat /run/talk'));
  return guest.waitFor('the transfer continues', 'cat /run/talk', (text) => Number(text) >= before + 10);
}
