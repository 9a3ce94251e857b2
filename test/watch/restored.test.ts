/** The real command on a terminal of its own (script(1)): however it ends, the terminal is restored. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { ENTER, LEAVE } from '../../src/watch/screen.ts';
import { test, type Lab } from '../support/lab.ts';
import { MAIN } from '../support/installed.ts';

/** The shell prints the terminal's modes before and after, and the exit status of the command. */
const SHELL = `
stty rows 24 cols 80; echo "before $(stty -g)"
sh -c 'echo "pid $$"; exec "$0" "$@"' "$NODE" "$MAIN" watch --config "$CONFIG" --interval 0.2 $MORE
echo "code $?"; echo "after $(stty -g)"
`;

/** Select Graphic Rendition: ESC [ numbers m. */
const SGR = new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*m`);

class Viewer {
  readonly #child: ChildProcess;
  output = '';

  constructor(lab: Lab, environment: NodeJS.ProcessEnv = {}) {
    const config = join(lab.folder, 'watch.yaml');
    writeFileSync(config, 'rules: { "eth*": subflow }\n', { mode: 0o644 });
    this.#child = spawn('nsenter', [`--net=${lab.host.path}`, 'script', '-qfec', SHELL, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...process.env,
        ...{
          NODE: process.execPath,
          MAIN,
          CONFIG: config,
          MORE: '',
          SHELL: '/bin/sh',
          TERM: 'xterm-256color',
        },
        ...environment,
      },
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
  }

  async shows(text: string, from = 0): Promise<void> {
    await expect.poll(() => this.output.slice(from)).toContain(text);
  }

  get pid(): number {
    return Number(/pid (\d+)/.exec(this.output)?.[1]);
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  async ended(): Promise<void> {
    await expect.poll(() => this.output).toMatch(/after \S+\r?\n/);
    this.#child.stdin?.end();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
  }

  expectRestored(): void {
    const [, before] = /before (\S+)/.exec(this.output) ?? [];
    const [, after] = /after (\S+)/.exec(this.output) ?? [];
    expect(before).toMatch(/:/);
    expect(after).toBe(before);
    expect(this.output.split(ENTER)).toHaveLength(this.output.split(LEAVE).length);
    // Nothing of a frame comes after the screen was left.
    expect(this.output.slice(this.output.lastIndexOf(LEAVE) + LEAVE.length)).not.toContain('\u001b[');
  }
}

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGQUIT: 131 } as const;

describe('the terminal is restored', () => {
  test.for(Object.entries(signals))('after %s', async ([signal, code], { lab }) => {
    const viewer = new Viewer(lab);
    await viewer.shows('0 connections');
    process.kill(viewer.pid, signal);
    await viewer.ended();
    viewer.expectRestored();
    expect(viewer.output).toContain(`code ${code}`);
  });

  test.for([
    ['q', 'q'],
    ['Ctrl-C', '\u0003'],
  ] as const)('after %s', async ([, keys], { lab }) => {
    const viewer = new Viewer(lab);
    await viewer.shows('0 connections');
    viewer.type(keys);
    await viewer.ended();
    viewer.expectRestored();
    expect(viewer.output).toContain('code 0');
  });

  test.for([
    ['an exception', 'throw new Error("boom")'],
    ['a rejected promise', 'Promise.reject(new Error("boom"))'],
  ] as const)('after %s, with its message on the main screen', async ([, fault], { lab }) => {
    const viewer = new Viewer(lab, {
      // Node would colour its stack trace.
      NO_COLOR: '1',
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`process.on("SIGUSR2",()=>{${fault}})`)}`,
    });
    await viewer.shows('0 connections');
    process.kill(viewer.pid, 'SIGUSR2');
    await viewer.ended();
    viewer.expectRestored();
    expect(viewer.output.indexOf('Error: boom')).toBeGreaterThan(viewer.output.indexOf(LEAVE));
    expect(viewer.output).toContain('code 70');
  });

  test('while stopped; the screen is drawn again when continued', async ({ lab }) => {
    const viewer = new Viewer(lab);
    await viewer.shows('0 connections');
    viewer.type('\u001a');
    const state = (): string => /\) (\S)/.exec(readFileSync(`/proc/${viewer.pid}/stat`, 'latin1'))?.[1] ?? '';
    await expect.poll(state).toBe('T');
    // The terminal may hand it over a moment after the process is stopped.
    await expect.poll(() => viewer.output.endsWith(LEAVE)).toBe(true);
    const seen = viewer.output.length;
    process.kill(viewer.pid, 'SIGCONT');
    await viewer.shows(ENTER, seen);
    await viewer.shows('0 connections', seen);
    process.kill(viewer.pid, 'SIGTSTP');
    await expect.poll(state).toBe('T');
    await expect.poll(() => viewer.output.endsWith(LEAVE)).toBe(true);
    const again = viewer.output.length;
    process.kill(viewer.pid, 'SIGCONT');
    await viewer.shows('0 connections', again);
    viewer.type('q');
    await viewer.ended();
    viewer.expectRestored();
  });
});

test('TERM=dumb: one frame after the other without an escape', async ({ lab }) => {
  const viewer = new Viewer(lab, { TERM: 'dumb' });
  await viewer.shows('0 connections');
  await viewer.shows('0 connections', viewer.output.indexOf('0 connections') + 1);
  process.kill(viewer.pid, 'SIGINT');
  await viewer.ended();
  expect(viewer.output).not.toContain('\u001b');
});

test('NO_COLOR: no colours, otherwise the same', async ({ lab }) => {
  const viewer = new Viewer(lab, { NO_COLOR: '1' });
  await viewer.shows('0 connections');
  viewer.type('q');
  await viewer.ended();
  viewer.expectRestored();
  expect(viewer.output.replaceAll(LEAVE, '')).not.toMatch(SGR);
});

test('a frame fits after the window was resized', async ({ lab }) => {
  const viewer = new Viewer(lab);
  await viewer.shows('0 connections');
  const seen = viewer.output.length;
  const stty = spawn('stty', ['-F', `/proc/${viewer.pid}/fd/0`, 'rows', '9', 'cols', '40']);
  await once(stty, 'exit');
  await viewer.shows('\u001b[9;1H', seen);
  const frame = viewer.output.slice(viewer.output.indexOf('\u001b[2J', seen));
  expect(frame).not.toContain('\u001b[10;1H');
  viewer.type('q');
  await viewer.ended();
});
