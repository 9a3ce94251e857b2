/** A daemon that runs as the user `multihomed` with CAP_NET_ADMIN alone, and root in a runtime folder of that user. */
import type { ChildProcess } from 'node:child_process';
import { dirname } from 'node:path';
import { expect } from 'vitest';
import { isWholeRoot } from '../hooks/scripts.ts';
import { finished, type Finished } from '../support/daemon.ts';
import { test as onHost, type HostFiles } from '../support/host-files.ts';
import type { Lab } from '../support/lab.ts';
import { NOBODY } from './attacker.ts';

/** Of the user `multihomed`. */
const UID = 990;
const CONFIG = '/etc/multihomed/config.yaml';

const test = onHost.extend<{ host: Host }>({
  host: async ({ files, lab, task, skip }, use) => {
    if (!isWholeRoot()) {
      const why = 'only root over other users can become one of them';
      Object.assign(task.meta, { why });
      skip(why);
    }
    const host = new Host(files, lab);
    await host.prepare();
    await use(host);
    await host.end();
  },
});

class Host {
  readonly #files: HostFiles;
  readonly #daemons: [ChildProcess, Promise<Finished>][] = [];
  /** The runtime folder of the network namespace. */
  readonly folder: string;
  /** What all daemons have logged. */
  log = '';

  constructor(files: HostFiles, lab: Lab) {
    this.#files = files;
    this.folder = dirname(lab.host.journal());
  }

  /** As after `systemd-sysusers` and with RuntimeDirectory=. */
  async prepare(): Promise<void> {
    const passwd = this.#files.read('/etc/passwd').replace(/^multihomed:.*\n/m, '');
    this.#files.write('/etc/passwd', `${passwd}multihomed:x:${UID}:${UID}::/:/usr/sbin/nologin\n`);
    this.#files.write(CONFIG, 'rules: {"eth*": subflow}');
    await this.shell(`mount -t tmpfs -o mode=755 tmpfs /run; install -d -o ${UID} -g ${UID} /run/multihomed`);
  }

  /** Runs a script as root. */
  shell(script: string): Promise<Finished> {
    return this.#files.shell(script);
  }

  /** Runs the command as root. */
  root(...args: string[]): Promise<Finished> {
    return this.#files.multihomed(...args);
  }

  nobody(...args: string[]): Promise<Finished> {
    const become = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--bounding-set=-all'];
    return finished(this.#files.spawn('setpriv', [...become, 'multihomed', ...args]));
  }

  /** Starts the daemon as the unit does. */
  run(): ChildProcess {
    const user = [`--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', '--no-new-privs'];
    const capability = [
      '--bounding-set=-all,+net_admin',
      '--inh-caps=+net_admin',
      '--ambient-caps=+net_admin',
    ];
    return this.#started(this.#files.spawn('setpriv', [...user, ...capability, 'multihomed', 'run']));
  }

  /** Starts the daemon as root, by hand. */
  runAsRoot(): ChildProcess {
    return this.#started(this.#files.spawn('multihomed', ['run']));
  }

  #started(daemon: ChildProcess): ChildProcess {
    daemon.stderr?.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    this.#daemons.push([daemon, finished(daemon)]);
    return daemon;
  }

  /** Ends the daemon that was started last. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<Finished> {
    const [daemon, ended] = this.#daemons.pop()!;
    daemon.kill(signal);
    return ended;
  }

  /** The owner and the name of each file of the folder. */
  async owners(): Promise<string[]> {
    return (await this.shell(`stat -c '%u %n' ${this.folder} ${this.folder}/*`)).stdout.trim().split('\n');
  }

  async end(): Promise<void> {
    while (this.#daemons.length > 0) await this.stop();
  }
}

test('the daemon adds routes, rules and endpoint; root may flush it, also when it is gone', async ({
  host,
  lab,
}) => {
  lab.cable('eth0').connect();
  const active = ['10.1.0.2 eth0 subflow'];
  const daemon = host.run();
  await expect.poll(() => lab.host.endpointTexts()).toEqual(active);
  expect(lab.host.rules().length).toBeGreaterThan(0);
  const status = await host.nobody('status', '--json');
  expect(JSON.parse(status.stdout)).toMatchObject({ daemon: { pid: daemon.pid } });
  expect((await host.nobody('flush')).code).toBe(77);

  expect((await host.root('flush')).stdout).toContain('endpoint delete');
  expect(lab.host.endpointTexts()).toEqual([]);
  expect((await host.root('reload')).code).toBe(0);
  expect(lab.host.endpointTexts()).toEqual(active);

  await host.stop('SIGKILL');
  const { code, stderr } = await host.root('flush');
  expect([code, stderr, lab.host.endpointTexts(), lab.host.rules()]).toEqual([0, '', [], []]);

  host.runAsRoot();
  await expect.poll(() => lab.host.endpointTexts()).toEqual(active);
  const names = ['', '/control', '/journal.json', '/lock'];
  expect(await host.owners()).toEqual(names.map((name) => `${UID} ${host.folder}${name}`));
  await host.stop('SIGTERM');

  const before = lab.host.endpoints();
  const last = host.run();
  await expect
    .poll(async () => JSON.parse((await host.nobody('status', '--json')).stdout) as unknown)
    .toMatchObject({ daemon: { pid: last.pid } });
  expect(lab.host.endpoints()).toEqual(before);

  await host.shell('rm -rf /run/multihomed');
  await expect
    .poll(() => host.log)
    .toMatch(/as root: install -d -o multihomed -g multihomed \/run\/multihomed/);
  // It makes the folder for that user.
  expect((await host.root('flush')).code).toBe(75);
  await expect
    .poll(async () => JSON.parse((await host.nobody('status', '--json')).stdout) as unknown)
    .toMatchObject({ daemon: { pid: last.pid } });
});

/** What the user `multihomed` does in its folder, and the exit status and error of root's `flush`. */
const PLANTED: readonly (readonly [what: string, plant: string, code: number, error: string])[] = [
  ['the journal is a link', 'ln -s $victim journal.json', 0, ''],
  ['the new journal is a link', 'ln -s $victim journal.json.new', 0, ''],
  ['the new journal is a folder', 'mkdir -p journal.json.new/a', 0, ''],
  ['the journal is a pipe', 'mkfifo journal.json', 0, ''],
  ['the journal is a folder', 'mkdir -p journal.json/a', 0, ''],
  ['the journal has no end', 'truncate -s 1T journal.json', 0, ''],
  ['the lock is a link', 'ln -s $victim lock', 2, 'ELOOP'],
  ['the lock is a hard link', 'ln $victim lock', 77, 'EACCES'],
  ['the lock is a pipe', 'mkfifo lock', 2, 'not a regular file'],
  ['the lock is a folder', 'mkdir lock', 2, 'EISDIR'],
  [
    'the lock is held',
    `sh -c 'exec 9>lock; flock 9; echo $$ >/run/holder; exec sleep 60' & sleep 0.1`,
    75,
    'does not answer',
  ],
  ['the folder is a link', 'cd ..; rmdir $here; ln -s /run/victims $here', 2, 'ENOTDIR|ELOOP'],
  ['the folder is writable by everybody', 'chmod 777 .', 77, `chown ${UID} and chmod 755 it`],
];

test('nothing that the user plants makes root write to another file, or wait', async ({ host }) => {
  for (const [what, plant, code, error] of PLANTED) {
    await host.shell(`
      rm -rf /run/multihomed/* /run/victims; install -d -m 700 /run/victims
      here=${host.folder} victim=/run/victims/victim
      echo kept >$victim; chmod 600 $victim
      mkdir -m 755 $here; cd $here; (${plant}) >/dev/null 2>&1 </dev/null; 
      find $here \\( -type d -o -links 1 \\) -exec chown -h ${UID}:${UID} {} +`);
    const flush = await host.root('flush');
    expect([what, flush.code, flush.stderr]).toEqual([what, code, expect.stringMatching(error)]);
    const { stdout } = await host.shell(
      'cd /run/victims; cat victim; ls; [ ! -e /run/holder ] || { kill $(cat /run/holder); rm /run/holder; }',
    );
    expect([what, stdout]).toEqual([what, 'kept\nvictim\n']);
  }
});

test('a folder that the user replaces by a link while root runs the daemon: root writes nothing there', async ({
  host,
  lab,
}) => {
  const cable = lab.cable('eth0').connect();
  host.runAsRoot();
  await expect.poll(() => lab.host.endpointTexts()).toEqual(['10.1.0.2 eth0 subflow']);
  const here = host.folder;
  await host.shell(`install -d -m 700 /run/victims; mv ${here} ${here}.old; ln -s /run/victims ${here}`);
  cable.deleteAddress().addAddress().addDefault();
  await expect.poll(() => host.log).toMatch(/the journal cannot be written: EACCES/);
  expect((await host.shell('ls -A /run/victims')).stdout).toBe('');
  await host.stop('SIGTERM');
  expect((await host.shell('ls -A /run/victims')).stdout).toBe('');
});

test('a configuration that only root can read: the daemon says how to permit it', async ({ host, lab }) => {
  lab.cable('eth0').connect();
  const tried = async (script: string): Promise<Finished> => {
    await host.shell(script);
    host.run();
    return await host.stop('SIGCONT');
  };
  const file = await tried(`chmod 600 ${CONFIG}`);
  expect(file.stderr).toContain(`permission denied: chgrp multihomed ${CONFIG} && chmod g+rX ${CONFIG}`);
  const folder = await tried(`chmod 644 ${CONFIG}; chmod 700 /etc/multihomed`);
  expect(folder.stderr).toContain('chgrp multihomed /etc/multihomed && chmod g+rX /etc/multihomed');
  expect([file.code, folder.code]).toEqual([78, 78]);
});
