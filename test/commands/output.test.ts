/** Standard output that fails: a reader that exited, a full disk, a closed terminal. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { finished, MAIN } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';

const shell = (lab: Lab, line: string) =>
  finished(lab.host.spawn('bash', ['-c', line, process.execPath, MAIN], { MULTIHOMED: MAIN }));

const COMMANDS = [
  'status',
  'status --json',
  'explain lo',
  'plan',
  'check',
  'endpoint',
  'limits',
  '--help',
  'flush',
];

test.for(COMMANDS)(
  '%s: a full disk changes neither exit status nor standard error',
  async (args, { lab }) => {
    const line = `exec "$0" "$MULTIHOMED" ${args}`;
    const well = await shell(lab, line);
    expect(await shell(lab, `${line} >/dev/full`)).toEqual({ ...well, stdout: '' });
  },
);

test.for(COMMANDS)(
  '%s: a closed pipe changes neither exit status nor standard error',
  async (args, { lab }) => {
    const { stdout, stderr } = await shell(
      lab,
      `mkfifo '${lab.folder}/pipe'; true <'${lab.folder}/pipe' & { sleep 0.1; "$0" "$MULTIHOMED" ${args}; echo "status $?" >&2; } >'${lab.folder}/pipe'`,
    );
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^(warning: .*\n)?status 0\n$/);
  },
);

test.for(['monitor', 'monitor --json', 'watch', 'watch --json', 'watch --interval 3600'])(
  '%s ends when its reader is gone, even while it prints nothing',
  async (args, { lab }) => {
    const child = lab.host.spawn(process.execPath, [MAIN, ...args.split(' ')]);
    let started = false;
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', () => (started = true));
    await expect.poll(() => started).toBe(true);
    child.stdout?.destroy();
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
  },
);

// A closed terminal sends SIGHUP only to its foreground process group; python3 opens a pseudo-terminal and closes it.
test.for(['keys', 'nothing'])(
  'watch ends when its terminal is closed: it reads %s',
  async (input, { lab }) => {
    const script = join(lab.folder, 'close.py');
    writeFileSync(
      script,
      `import os, pty, signal, sys
pid, terminal = pty.fork()
if pid == 0:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if sys.argv[1] == 'nothing':
        os.dup2(os.open('/dev/null', os.O_RDONLY), 0)
    os.dup2(os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY), 2)
    os.execvp(sys.argv[3], [*sys.argv[3:], 'watch', '--interval', '3600'])
seen = b''
while b'uplink' not in seen:
    seen += os.read(terminal, 65536)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), open(sys.argv[2]).read())
`,
    );
    const args = [script, input, join(lab.folder, 'errors'), process.execPath, MAIN];
    const child = lab.host.spawn('python3', args, { TERM: 'xterm' });
    expect(await finished(child)).toMatchObject({ code: 0, stdout: '0 \n' });
  },
);
