/** What a hook inherits from a daemon that was started in a hostile environment. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { finished, MAIN } from '../support/daemon.ts';
import { NOBODY, test } from './attacker.ts';

/** Descriptors up to 200 open for reading a secret, signals ignored and blocked, a terminal, a mask, a folder. */
const START = `
import os, pty, signal, sys
secret, program = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
log = os.open(secret + '.log', os.O_WRONLY | os.O_CREAT)
os.dup2(log, 2)
fd = os.open(secret, os.O_RDWR)
for n in [*range(3, 40), 99, 100, 200]: os.dup2(fd, n, inheritable=True)
for s in (signal.SIGPIPE, signal.SIGUSR1, signal.SIGCHLD, signal.SIGQUIT): signal.signal(s, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGALRM, signal.SIGTERM])
os.umask(0)
os.chdir(os.path.dirname(secret))
os.execv(program[0], program)
`;

/** `ls` runs alone, because the shell has one more descriptor open for a pipeline. */
const HOOK = `#!/bin/sh
ls -l /proc/$$/fd
while read -r key value; do case $key in Sig[BI]* | ShdPnd: | Cap[IPEA]* | Uid: | Groups:) echo "$key $value" ;; esac; done </proc/$$/status
read -r pid name state parent group session terminal rest </proc/$$/stat
echo "terminal $terminal, session $([ "$session" = $$ ] && echo own), folder $(pwd), mask $(umask)"
echo end
`;

test('a hook only has its input, output and own file, and no ignored or blocked signal', async ({
  lab,
  attack,
}) => {
  expect(attack).toBeTypeOf('function');
  lab.cable('eth0').connect();
  await expect.poll(() => lab.host.ip('link show eth0')).toContain('state UP');
  const hooks = join(lab.folder, 'hooks');
  mkdirSync(hooks);
  writeFileSync(join(hooks, '10-hook'), HOOK);
  chmodSync(join(hooks, '10-hook'), 0o755);
  const secret = join(lab.folder, 'secret');
  writeFileSync(secret, 'secret');
  const config = join(lab.folder, 'config.yaml');
  for (const user of ['root', 'nobody']) {
    writeFileSync(config, JSON.stringify({ rules: { 'eth*': 'subflow' }, hooks: { path: hooks, user } }));
    chmodSync(config, 0o644);
    const program = [process.execPath, MAIN, 'run', '--once', '--config', config];
    const child = lab.host.spawn('python3', ['-c', START, secret, ...program]);
    await new Promise((resolve) => child.on('close', resolve));
    const log = lab.host.sh(`cat ${secret}.log; rm ${secret}.log ${lab.host.journal()}`);
    const said = [...log.matchAll(/\(eth0 link-up\): (.*)/g)].map(([, line]) => line!);
    expect(said.at(-1), log).toBe('end');
    const descriptors = said.flatMap((line) => / (\d+ -> .*?)(?:\[\d+\])?$/.exec(line)?.[1] ?? []);
    expect(descriptors).toEqual(
      [
        '0 -> /dev/null',
        // The shell has its script open a second time.
        `10 -> ${hooks}/10-hook`,
        '1 -> socket:',
        '2 -> socket:',
        `3 -> ${hooks}/10-hook`,
      ].sort(),
    );
    expect(said.filter((line) => line.startsWith('Sig'))).toEqual([
      'SigBlk: 0000000000000000',
      'SigIgn: 0000000000000000',
    ]);
    expect(said.at(-2)).toBe('terminal 0, session own, folder /, mask 0022');
    const caps = said.filter((line) => /^Cap(Inh|Prm|Eff|Amb)/.test(line)).map((line) => line.split(' ')[1]);
    if (user === 'nobody') expect(caps).toEqual(Array(4).fill('0000000000000000'));
    expect(said.find((line) => line.startsWith('Groups:'))?.trim()).toBe('Groups:');
  }
});

/** As systemd starts the runner at a connection to a socket that everybody may open. */
const RUNNER = `
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
listener.listen()
os.dup2(os.dup(listener.fileno()), 3, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')
os.execv(sys.argv[2], sys.argv[2:])
`;

const CONNECT = `
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
try:
    client.sendall(b'{}\\n')
    print('received', client.recv(100))
except OSError as error: print(type(error).__name__)
`;

test('the runner closes the connection of an ordinary user, and reads that of root', async ({
  lab,
  attack,
}) => {
  chmodSync(lab.folder, 0o755);
  const started = async (name: string) => {
    const path = join(lab.folder, name);
    const runner = finished(
      lab.host.spawn('python3', ['-c', RUNNER, path, process.execPath, MAIN, 'hook-runner']),
    );
    await expect.poll(() => existsSync(path)).toBe(true);
    return { path, runner };
  };
  const invalid = expect.stringContaining('a message that is not valid') as string;
  for (const [uid, stderr] of [
    [NOBODY, ''],
    [0, invalid],
  ] as const) {
    const { path, runner } = await started(`runner-${uid}`);
    const [answer] = await attack(CONNECT, { uid, args: [path] }).done();
    expect(answer).toMatch(/^(received b''|ConnectionResetError|BrokenPipeError)$/);
    expect(await runner).toEqual({ code: 0, stdout: '', stderr });
  }
});
