/**
 * Other programs that add MPTCP endpoints. They need not be installed: MULTIHOMED_TEST_NEIGHBOURS can name a folder
 * into which they are unpacked, as for the tests (docs/neighbours.md).
 */
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressOf, gatewayOf } from './lab.mjs';
import { launch, sleep } from './process.mjs';

const ROOTS = [process.env.MULTIHOMED_TEST_NEIGHBOURS, ''].filter((root) => root !== undefined);
const FOLDERS = ['usr/sbin', 'usr/bin', 'usr/libexec'];
/** Debian's folders of libraries have the name of the architecture. */
const LIBRARIES = `usr/lib/${{ x64: 'x86_64', arm64: 'aarch64' }[process.arch] ?? process.arch}-linux-gnu`;

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Returns the path and the environment of a program; null: it is not installed. */
function find(program) {
  for (const root of ROOTS)
    for (const folder of FOLDERS) {
      const path = join(root || '/', folder, program);
      if (!isExecutable(path)) continue;
      const env = root ? { LD_LIBRARY_PATH: join(root, LIBRARIES) } : {};
      return { path, root, env: { ...process.env, ...env, LC_ALL: 'C' } };
    }
  return null;
}

const versionOf = ({ path, env }) => execFileSync(path, ['--version'], { env }).toString().trim();

export function mptcpd(byEvents) {
  const program = find('mptcpd');
  const what = "mptcpd (Debian's package mptcpd)";
  if (program === null) return { subject: null, what };
  const plugins = join(program.root || '/', LIBRARIES, 'mptcpd');
  const options = [
    `--plugin-dir=${plugins}`,
    '--path-manager=addr_adv',
    '--addr-flags=subflow',
    '--log=null',
  ];
  const subject = {
    ...byEvents,
    name: 'mptcpd',
    version: versionOf(program),
    otherProgram: true,
    endpointsOnly: true,
    async start() {
      const launched = launch([program.path, ...options], { env: program.env });
      await sleep(1000);
      return launched;
    },
  };
  return { subject, what };
}

const FOLDER = '/run/bench-nm';
const QUIET = { stdio: 'ignore' };

/** Every user may send all messages on this bus, whose path only the programs of the benchmark know. */
const BUS = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type><listen>unix:path=${FOLDER}/bus</listen><auth>EXTERNAL</auth>
  <policy context="default"><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>
`;

/** A connection as an administrator configures it; NetworkManager adds endpoints by default. */
const profile = (n) => `[connection]
id=u${n}
type=ethernet
interface-name=u${n}
autoconnect=false
[ipv4]
method=manual
address1=${addressOf(n)}/24,${gatewayOf(n)}
[ipv6]
method=disabled
`;

/** A read-only /sys shows NetworkManager that no udev runs; /run/NetworkManager is a folder of the benchmark. */
const MOUNTED = `mount -o remount,ro,bind /sys
mkdir -p /run/NetworkManager && mount --bind "$0/run" /run/NetworkManager
for each in /var/lib /etc/NetworkManager; do
  if [ -d $each ]; then mount -t tmpfs tmpfs $each; fi
done
exec "$1" --debug --config="$0/main.conf" --config-dir="$0/conf.d" --system-config-dir="$0/conf.d" \\
  --intern-config="$0/intern.conf" --state-file="$0/state" --log-level=INFO >"$0/log" 2>&1`;

async function until(condition, what) {
  for (let n = 0; !condition(); n++) {
    if (n > 300) throw new Error(`not within 15 s: ${what}`);
    await sleep(50);
  }
}

async function startNetworkManager(program, env, lab) {
  for (const name of ['', 'conf.d', 'connections', 'run'])
    mkdirSync(join(FOLDER, name), { recursive: true, mode: 0o700 });
  for (let n = 1; n <= lab.count; n++)
    writeFileSync(`${FOLDER}/connections/u${n}.nmconnection`, profile(n), { mode: 0o600 });
  writeFileSync(`${FOLDER}/bus.conf`, BUS);
  const main = `[main]\nplugins=keyfile\ndns=none\nno-auto-default=*\n[keyfile]\npath=${FOLDER}/connections\n`;
  writeFileSync(`${FOLDER}/main.conf`, main);
  const bus = launch(['dbus-daemon', `--config-file=${FOLDER}/bus.conf`, '--nofork', '--nopidfile'], QUIET);
  await until(() => existsSync(`${FOLDER}/bus`), 'a bus');
  const launched = launch(['unshare', '--mount', 'sh', '-euc', MOUNTED, FOLDER, program.path], { env });
  const log = () => (existsSync(`${FOLDER}/log`) ? readFileSync(`${FOLDER}/log`, 'utf8') : '');
  await until(() => log().includes('startup complete'), `NetworkManager: ${log().split('\n').at(-2)}`);
  return {
    ...launched,
    async stop() {
      await launched.stop();
      await bus.stop();
    },
  };
}

export function networkManager(byEvents) {
  const program = find('NetworkManager');
  const nmcli = find('nmcli');
  const what = "NetworkManager (Debian's package network-manager)";
  if (program === null || nmcli === null || !isExecutable('/usr/bin/dbus-daemon'))
    return { subject: null, what };
  const env = { ...program.env, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${FOLDER}/bus` };
  /** Runs nmcli while `commands` wait for the effect, the first for the address. */
  const during = async (lab, words, commands) => {
    const child = spawn(nmcli.path, ['--wait', '10', 'connection', ...words], { env, stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    const times = await lab.attempt('mark', commands[0], 'mark', ...commands.slice(1));
    await ended;
    return times.slice(1);
  };
  const subject = {
    ...byEvents,
    name: 'NetworkManager',
    version: versionOf(program),
    otherProgram: true,
    endpointsOnly: true,
    start: (lab) => startNetworkManager(program, env, lab),
    async plug(lab, n) {
      const there = [`wait address ${addressOf(n)} 1`, `wait endpoint ${addressOf(n)} 1`];
      const [endpoint] = await during(lab, ['up', `u${n}`], there);
      return { endpoint, route: null };
    },
    async unplug(lab, n) {
      const gone = [`wait address ${addressOf(n)} 0`, `wait endpoint ${addressOf(n)} 0`];
      const [seconds] = await during(lab, ['down', `u${n}`], gone);
      return seconds;
    },
    async reset(lab, n) {
      await this.unplug(lab, n);
      const { endpoint } = await this.plug(lab, n);
      return Number.isFinite(endpoint);
    },
  };
  return { subject, what };
}
