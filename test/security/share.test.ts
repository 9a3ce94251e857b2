/** The control socket under a user with hundreds of uids: subordinate uids are one owner, whose share is bounded. */
import { expect } from 'vitest';
import type { StatusDocument } from '../../src/control/document.ts';
import { MAIN, type Finished, finished } from '../support/daemon.ts';
import { test as withFiles } from '../support/host-files.ts';
import type { Lab } from '../support/lab.ts';
import { isWholeRoot } from '../hooks/scripts.ts';
import { reacts, socketOf } from './attacker.ts';

const FIRST = 100_000;
const UIDS = 300;

/**
 * Becomes each uid in turn, connects as it without pause and keeps (`hold`) or closes and takes again (`hammer`) what
 * it gets. One process, since the daemon knows a peer by its uid when it connects, and hundreds of processes would take
 * the processor too. Prints a line when all have tried, and ends with its standard input.
 */
const CROWD = `
import os, resource, select, socket, sys
path, first, count, how = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
os.setgroups([])
os.nice(19)
kept = [[] for _ in range(count)]
begun = False
while True:
    for i in range(count):
        os.seteuid(first + i)
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(path)
            s.sendall(b'{"ask":"status"}\\n' if how == 'hammer' else b'{')
            kept[i].append(s)
        except OSError: s.close()
        os.seteuid(0)
        if len(kept[i]) > (2 if how == 'hammer' else 3): kept[i].pop(0).close()
    if not begun: print('begun', len([1 for each in kept if each]) > 16, flush=True)
    begun = True
    if select.select([0], [], [], 0.1 if how == 'hammer' else 0.5)[0]: break
`;

/** Sends a request once a time on a new connection, without retrying; prints milliseconds or the error. */
const ASKING = `
import socket, sys, time
for i in range(20):
    began = time.monotonic()
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(b'{"ask":"status"}\\n')
    answer = s.makefile('rb').readline()
    s.close()
    print(round(1000 * (time.monotonic() - began)) if b'"pid":' in answer else answer.decode().strip() or 'closed')
    time.sleep(0.05)
`;

const as = (lab: Lab, uid: number, program: string, args: readonly string[]): Promise<Finished> =>
  finished(
    lab.host.spawn('setpriv', [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', program, ...args]),
  );

withFiles.for(['hold', 'hammer'])(
  `${UIDS} subordinate uids of one user that %s connections leave connections to other users`,
  async (how, { lab, files, task, skip }) => {
    if (!isWholeRoot()) {
      const why = 'only root over other users can become 300 of them';
      Object.assign(task.meta, { why });
      skip(why);
    }
    files.write('/etc/subuid', `user1:${FIRST}:65536\n`);
    files.write('/etc/multihomed/config.yaml', 'rules: {"eth*": subflow}\n');
    const cable = lab.cable('eth0').connect();
    lab.cable('eth1').connect();
    const daemon = files.spawn('multihomed', ['run']);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const crowd = lab.host.spawn('python3', ['-c', CROWD, socketOf(lab), String(FIRST), String(UIDS), how]);
    let said = '';
    crowd.stdout?.on('data', (text: Buffer) => (said += text.toString()));
    try {
      await expect.poll(() => said, { timeout: 60_000 }).toBe('begun True\n');
      const { stdout, stderr } = await as(lab, 65_534, 'python3', ['-c', ASKING, socketOf(lab)]);
      const answers = stdout.trim().split('\n');
      console.log(`${UIDS} uids ${how}: another user's status took ${answers.join(', ')} ms`);
      expect(stderr).toBe('');
      expect(answers.filter((each) => !/^\d+$/.test(each))).toEqual([]);
      // The command reads the kernel if an answer takes 2 s, which can happen on a busy machine.
      const asked = async (): Promise<unknown> => {
        const { stdout: text } = await as(lab, 65_533, process.execPath, [MAIN, 'status', '--json']);
        return (JSON.parse(text) as StatusDocument).daemon?.pid;
      };
      await expect.poll(asked, { timeout: 60_000 }).toBe(daemon.pid);
      // Another uid of the same user is either refused with a reason, or replaces one of its own connections; none
      // hangs.
      const own = await as(lab, FIRST + UIDS, process.execPath, [MAIN, 'status', '--json']);
      if (own.code !== 0)
        expect([own.code, own.stderr]).toEqual([75, expect.stringMatching(/too many|without an answer/)]);
      await reacts(lab, cable);
    } finally {
      crowd.kill('SIGKILL');
      await finished(crowd);
      daemon.kill();
      await finished(daemon);
    }
  },
);
