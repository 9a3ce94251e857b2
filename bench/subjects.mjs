/** The programs that are compared. `start` resolves with the process when it manages the uplinks of a lab. */
import { spawn } from 'node:child_process';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sleep } from './lab.mjs';

const CONFIG = '/run/bench.yaml';
const SCRIPT = fileURLToPath(new URL('script.sh', import.meta.url));
const MPTCPD = ['/usr/libexec/mptcpd', '/usr/sbin/mptcpd', '/usr/bin/mptcpd'];

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts a program, and ends it with all of its children. */
function launch(command, options = {}) {
  const child = spawn(command[0], command.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    ...options,
  });
  child.stdout?.resume();
  const ended = new Promise((resolve) => child.on('exit', resolve));
  return {
    pid: child.pid,
    stdout: child.stdout,
    async stop() {
      process.kill(-child.pid, 'SIGTERM');
      await ended;
    },
  };
}

/** The command line of a daemon that manages u1, u2, ... */
export function daemonCommand(main, pattern = 'u*') {
  writeFileSync(CONFIG, `rules: { "${pattern}": subflow }\n`, { mode: 0o644 });
  return [process.execPath, main, 'run', '--config', CONFIG, '--log', 'null'];
}

function multihomed(name, main) {
  return {
    name,
    main,
    async start(lab) {
      const launched = launch(daemonCommand(main));
      await lab.run('mark', `wait rules ${lab.used}`);
      await sleep(500);
      return launched;
    },
  };
}

/** `mains`: bundles of multihomed by their names in the table. */
export function subjects(programs, mains) {
  const all = [
    {
      name: 'floor',
      async start(lab) {
        const managed = [...lab.here].flatMap(([n, index]) => [`${index}`, n <= 8 ? `${n}` : '-1']);
        const launched = launch([programs.floor, ...managed]);
        await new Promise((resolve) => launched.stdout.once('data', resolve));
        return launched;
      },
    },
    ...Object.entries(mains).map(([name, main]) => multihomed(name, main)),
    {
      name: 'shell script',
      async start() {
        const launched = launch(['sh', SCRIPT]);
        await sleep(500);
        return launched;
      },
    },
  ];
  const mptcpd = MPTCPD.find(isExecutable);
  if (mptcpd !== undefined)
    all.push({
      name: 'mptcpd',
      /** It only adds endpoints. */
      endpointsOnly: true,
      async start() {
        const launched = launch([mptcpd, '--path-manager=addr_adv', '--addr-flags=subflow', '--log=null']);
        await sleep(1000);
        return launched;
      },
    });
  return { all, missing: mptcpd === undefined ? ["mptcpd (Debian's package mptcpd)"] : [] };
}
