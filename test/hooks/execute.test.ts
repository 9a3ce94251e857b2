/** Hooks as real processes: user, environment, time-out, output, and that the checked file is executed. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openHook } from '../../src/hooks/discover.ts';
import { forScript, hookEnvironment } from '../../src/hooks/environment.ts';
import { execute } from '../../src/hooks/execute.ts';
import { findUser, readUsers } from '../../src/system/passwd.ts';
import { isRefusal } from '../../src/system/trust.ts';
import { uplink } from './facts.ts';
import { isWholeRoot, scripts } from './scripts.ts';

// Real programs on a busy machine.
/** Long enough for every run here, so that only a hanging hook reaches it. */
const LIMIT_MS = 60_000;
/** Milliseconds within which a hook has begun, even on a busy machine. */
const BEGUN = 3_000;

async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(20);
}

const isAlive = (pid: number): boolean => {
  try {
    // A zombie that was not reaped is not alive.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

describe('a hook gets', () => {
  it('exactly the documented environment', async () => {
    const { write, run, said, folders } = scripts();
    process.env['MULTIHOMED_LEAK'] = 'secret';
    write('10-hook', "tr '\\0' '\\n' </proc/$$/environ");
    await run();
    delete process.env['MULTIHOMED_LEAK'];
    const expected = Object.entries(forScript(hookEnvironment('up', uplink()), `${folders[0]}/10-hook`)).map(
      ([name, value]) => `${name}=${value}`,
    );
    expect(said().sort()).toEqual(expected.sort());
    expect(said()).toContain(`MULTIHOMED_HOOK=${folders[0]}/10-hook`);
    expect(expected.find((each) => each.startsWith('MULTIHOMED_JSON='))).toContain(
      `"hook":"${folders[0]}/10-hook"`,
    );
  });

  it('an interface’s name unchanged, even with shell syntax', async () => {
    const { write, run, said } = scripts();
    write('10-hook', 'printf "<%s>" "$@"');
    const names = ['-rf', '$(touch x)', '`id`', "'", '*', 'wläń0'];
    for (const name of names) await run({ interface: name });
    expect(said()).toEqual(names.map((name) => `<${name}><up>`));
  });

  it('the root folder, mask 022, no input and a process group of its own', async () => {
    const { write, run, said } = scripts();
    const before = process.umask(0o077);
    write('10-hook', 'pwd; umask; cat; ps -o pgid= -p $$ | tr -d " "; echo $$; echo "${HOME-none}"');
    await run();
    expect(process.umask(before)).toBe(0o077);
    const [folder, mask, group, own, home] = said();
    expect([folder, mask, home]).toEqual(['/', '0022', 'none']);
    expect(group).toBe(own);
  });

  it.skipIf(!isWholeRoot())('the configured user (skipped unless root over other users)', async () => {
    const { write, run, said, lines } = scripts();
    write('10-hook', 'id -u; id -g; id -G; touch /root/x 2>/dev/null || echo no');
    await run({ user: 'nobody' });
    const nobody = findUser('nobody', readUsers());
    const group = String(nobody?.gid);
    expect(said()).toEqual([String(nobody?.uid), group, group, 'no']);
    write('10-hook', 'true', 0o700);
    const [report] = await run({ user: 'nobody' });
    expect(report?.outcome === 'refused' || report?.outcome === 'failed').toBe(true);
    expect(lines.some((line) => line.startsWith('error'))).toBe(false);
  });

  it('no run as a user that does not exist', async () => {
    const { write, run, lines } = scripts();
    write('10-hook', 'echo run');
    expect(await run({ user: 'no-such-user' })).toEqual([]);
    await run({ user: 'no-such-user' });
    expect(lines).toEqual([
      'warn no hook is run: hooks.user is no-such-user, and /etc/passwd has no such user',
    ]);
  });
});

describe('the executed file', () => {
  it('is the checked one, even if its name leads to another file by then', async () => {
    const { write, root } = scripts();
    const path = write('10-hook', 'echo checked');
    const file = openHook(path);
    if (isRefusal(file)) throw new Error(file.reason);
    renameSync(write('10-hook', `touch ${join(root, 'swapped')}`, 0o755, root), path);
    const lines: string[] = [];
    const ending = await execute({
      fd: file.fd,
      argv: ['eth0', 'up'],
      environment: {},
      identity: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 },
      timeout: LIMIT_MS,
      onLine: (line) => lines.push(line),
      stop: new AbortController().signal,
    });
    closeSync(file.fd);
    expect([ending.outcome, lines]).toEqual(['done', ['checked']]);
    expect(existsSync(join(root, 'swapped'))).toBe(false);
  });

  it('may be any program', async () => {
    const { write, run, said } = scripts();
    const path = write('10-hook', '');
    copyFileSync('/bin/echo', path);
    await run();
    expect(said()).toEqual(['wwan0 up']);
  });

  it('may run many times at once and leaves no listener or descriptor', async () => {
    const { write, run } = scripts();
    write('10-hook', 'sleep 0.2');
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    await run();
    const left = (): number[] => [readdirSync('/proc/self/fd').length, process.listenerCount('SIGCHLD')];
    const before = left();
    const reports = await Promise.all(Array.from({ length: 16 }, () => run()));
    process.off('warning', note);
    expect(reports.flat().map(({ outcome }) => outcome)).toEqual(Array(16).fill('done'));
    expect(left()).toEqual(before);
    expect(warnings).toEqual([]);
  });

  it('is named when it cannot be started or fails; the next one runs', async () => {
    const { write, run, said } = scripts();
    write('10-fails', 'exit 3');
    write('20-dies', 'kill -9 $$');
    write('30-other', 'true');
    const path = write('40-nothing', '');
    writeFileSync(path, '#!/no/such/shell\n');
    write('50-last', 'echo last');
    const reports = await run();
    expect(reports.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['failed', 'ended with status 3'],
      ['failed', 'ended by SIGKILL'],
      ['done', ''],
      ['refused', 'not started (ENOENT): the interpreter that its first line names does not exist'],
      ['done', ''],
    ]);
    expect(said()).toEqual(['last']);
  });
});

describe('a hook that does not end', () => {
  it('gets SIGTERM after the time-out, with its whole process group', async () => {
    const { write, run, said, read, root } = scripts();
    write('10-hook', `sleep 600 & echo $! >${root}/child; trap 'echo asked; exit 0' TERM; wait`);
    const [report] = await run({ timeout: BEGUN });
    expect(report).toMatchObject({
      outcome: 'timed out',
      reason: 'timed out after 3 s; its process group was ended',
    });
    expect(said()).toEqual(['asked']);
    await until(() => !isAlive(Number(read('child'))));
  });

  it('gets SIGKILL two seconds later if it ignores SIGTERM, with its children', async () => {
    const { write, run, read, root } = scripts();
    write(
      '10-hook',
      `trap '' TERM; sleep 600 & echo $! >${root}/child; echo $$ >${root}/leader; sleep 600; sleep 600`,
    );
    write('20-next', `touch ${root}/next`);
    const reports = await run({ timeout: BEGUN });
    expect(reports.map(({ outcome }) => outcome)).toEqual(['timed out', 'done']);
    expect(reports[0]?.milliseconds).toBeGreaterThanOrEqual(BEGUN + 2_000);
    await until(() => !isAlive(Number(read('child'))) && !isAlive(Number(read('leader'))));
  });

  it('gets SIGKILL if its leader ended at SIGTERM and a child did not', async () => {
    const { write, run, read, root } = scripts();
    write('10-hook', `(trap '' TERM; sleep 600; sleep 600) & echo $! >${root}/child; wait`);
    await run({ timeout: BEGUN });
    await until(() => !isAlive(Number(read('child'))));
  });

  it('gets SIGKILL even if stopped', async () => {
    const { write, run } = scripts();
    write('10-hook', 'kill -STOP $$');
    const [report] = await run({ timeout: BEGUN });
    expect(report?.outcome).toBe('timed out');
  });

  it('is ended when the runner stops, and no further hook starts', async () => {
    const { write, run, runner, root } = scripts();
    write('10-hook', `touch ${root}/begun; trap '' TERM; sleep 600; sleep 600`);
    write('20-next', `touch ${root}/next`);
    const reports = run({ timeout: LIMIT_MS });
    await until(() => existsSync(join(root, 'begun')));
    await runner.stop();
    expect((await reports).map(({ outcome }) => outcome)).toEqual(['stopped']);
    expect(existsSync(join(root, 'next'))).toBe(false);
    expect(await run()).toEqual([]);
  });
});

describe('output and children of a hook', () => {
  it('a child that holds the output open is not waited for and not killed', async () => {
    const { write, run, said, read, root } = scripts();
    write('10-hook', `echo one; sleep 600 & echo $! >${root}/child; echo two`);
    const [report] = await run({ timeout: LIMIT_MS });
    expect(report?.outcome).toBe('done');
    expect(said()).toEqual(['one', 'two']);
    const child = Number(read('child'));
    expect(isAlive(child)).toBe(true);
    process.kill(child, 'SIGKILL');
  });

  it('output is logged line by line with control characters escaped', async () => {
    const { write, run, said } = scripts();
    write('10-hook', "printf 'plain\\r\\n\\033[2Jred\\tx\\302\\233\\n\\342\\200\\256rtl\\nläst'");
    await run();
    expect(said()).toEqual(['plain', '\\u001b[2Jred\tx\\u009b', '\\u202ertl', 'läst']);
  });

  it('64 KiB of a flood are logged; the rest is dropped', async () => {
    const { write, run, said } = scripts();
    write('10-hook', 'head -c 100000000 /dev/zero | tr "\\0" x');
    const before = process.memoryUsage().rss;
    const [report] = await run({ timeout: 60_000 });
    expect(report?.outcome).toBe('done');
    expect(process.memoryUsage().rss - before).toBeLessThan(60 * 2 ** 20);
    const last = said().pop();
    expect(last).toBe('(output after the first 64 KiB is not logged)');
    expect(said().slice(0, -1).join('')).toBe('x'.repeat(65536));
  });

  it('a flood of lines or of errors is limited alike', async () => {
    const { write, run, said } = scripts();
    write('10-hook', 'yes | head -c 200000 >&2; yes n | head -c 200000');
    await run();
    expect(said().slice(0, -1).join('\n').length).toBeLessThanOrEqual(65536);
  });
});
