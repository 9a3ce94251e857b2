/** Which changes of real files wake the daemon: links, folders that are created later, other files that change. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { watchPlaces } from '../../src/daemon/watch-files.ts';
import { configurationPlaces } from '../../src/rules/files.ts';
import { systemClock } from '../../src/system/clock.ts';

let root: string;
let wakes: number;
let unwatch: () => void;

const at = (...parts: string[]): string => join(root, ...parts);
const folder = (...parts: string[]): string => {
  mkdirSync(at(...parts), { recursive: true });
  return at(...parts);
};
const write = (path: string): void => writeFileSync(at(path), `${Math.random()}`);
/** As `ln -sfn`, in one step. */
const link = (target: string, path: string): void => {
  symlinkSync(target, `${at(path)}.new`);
  renameSync(`${at(path)}.new`, at(path));
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'multihomed-watch-'));
  wakes = 0;
});
afterEach(() => {
  unwatch();
  rmSync(root, { recursive: true });
});

function begin(options: { config?: string } = {}): void {
  const { config } = options;
  const load = config === undefined ? { etc: at('etc/multihomed'), usr: at('usr') } : { config: at(config) };
  unwatch = watchPlaces(configurationPlaces(load), systemClock, () => wakes++);
}

/** A change wakes at least once, and so does a change after it. */
async function wakesAt(change: () => void): Promise<void> {
  const before = wakes;
  change();
  await expect.poll(() => wakes, { timeout: 10_000 }).toBeGreaterThan(before);
}

/** None of these wakes, and the change after them does. */
async function sleepsThrough(change: () => void): Promise<void> {
  change();
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(wakes).toBe(0);
}

describe('a watched file', () => {
  test('is seen when it is written, replaced, removed and made', async () => {
    write('c.yaml');
    begin({ config: 'c.yaml' });
    await wakesAt(() => write('c.yaml'));
    await wakesAt(() => (write('n'), renameSync(at('n'), at('c.yaml'))));
    await wakesAt(() => rmSync(at('c.yaml')));
    await wakesAt(() => write('c.yaml'));
  });

  test('changes of other files in the folder are ignored', async () => {
    write('c.yaml');
    begin({ config: 'c.yaml' });
    await sleepsThrough(() => (write('other'), folder('more'), write('more/c.yaml')));
    await wakesAt(() => write('c.yaml'));
  });

  test('is seen while another is written without pause', async () => {
    folder('etc/multihomed/rules.d');
    begin();
    const busy = setInterval(() => write('etc/multihomed/rules.d/busy'), 20);
    await expect.poll(() => wakes, { timeout: 10_000 }).toBeGreaterThan(2);
    clearInterval(busy);
  });

  test('is seen behind a link: its target rewritten, replaced, and the link changed', async () => {
    folder('real');
    folder('other');
    write('real/c');
    write('other/c');
    link('real/c', 'c.yaml');
    begin({ config: 'c.yaml' });
    await wakesAt(() => write('real/c'));
    await wakesAt(() => (write('real/n'), renameSync(at('real/n'), at('real/c'))));
    await wakesAt(() => link('other/c', 'c.yaml'));
    await wakesAt(() => write('other/c'));
    const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 400));
    // A slow machine may report one write in two parts.
    await rest();
    const before = wakes;
    write('real/c');
    await rest();
    expect(wakes).toBe(before);
  });

  test('is seen behind links to folders that are replaced, as Kubernetes, stow and nix do', async () => {
    for (const version of ['1', '2']) {
      folder(`v${version}`);
      write(`v${version}/config.yaml`);
    }
    link('v1', '..data');
    link('..data/config.yaml', 'config.yaml');
    begin({ config: 'config.yaml' });
    await wakesAt(() => link('v2', '..data'));
    await wakesAt(() => write('v2/config.yaml'));
    await wakesAt(() => (renameSync(at('v2'), at('v3')), folder('v2')));
    await wakesAt(() => write('v2/config.yaml'));
  });

  test('is seen behind a circular link once it is resolved', async () => {
    link('c.yaml', 'c.yaml');
    begin({ config: 'c.yaml' });
    await wakesAt(() => (rmSync(at('c.yaml')), write('c.yaml')));
  });
});

describe("the system's folders", () => {
  test('are seen when they appear, one by one or all at once', async () => {
    begin();
    await wakesAt(() => folder('etc'));
    await wakesAt(() => folder('etc/multihomed'));
    await wakesAt(() => write('etc/multihomed/config.yaml'));
    await wakesAt(() => folder('etc/multihomed/rules.d'));
    await wakesAt(() => write('etc/multihomed/rules.d/10.yaml'));
    await wakesAt(() => (folder('usr/rules.d'), write('usr/rules.d/10.yaml')));
    await wakesAt(() => write('usr/rules.d/10.yaml'));
  });

  test('are seen when they are replaced', async () => {
    for (const name of ['etc/multihomed', 'new']) {
      folder(`${name}/rules.d`);
      write(`${name}/rules.d/1.yaml`);
    }
    begin();
    await wakesAt(() => {
      renameSync(at('etc/multihomed'), at('old'));
      renameSync(at('new'), at('etc/multihomed'));
    });
    await wakesAt(() => write('etc/multihomed/rules.d/1.yaml'));
    await wakesAt(() => rmSync(at('etc'), { recursive: true }));
    await wakesAt(() => folder('etc/multihomed/rules.d'));
    await wakesAt(() => write('etc/multihomed/rules.d/1.yaml'));
  });

  test('are seen behind links, as are drop-ins that are links', async () => {
    folder('store/rules.d');
    folder('shared');
    write('shared/one');
    link(at('store'), 'static');
    folder('etc');
    link(at('static'), 'etc/multihomed');
    link(at('shared/one'), 'store/rules.d/1.yaml');
    begin();
    await wakesAt(() => write('shared/one'));
    await wakesAt(() => write('store/config.yaml'));
    folder('store2');
    await wakesAt(() => link(at('store2'), 'static'));
    await wakesAt(() => write('store2/config.yaml'));
  });

  test('unrelated folders wake nothing', async () => {
    folder('etc/multihomed/hooks.d');
    begin();
    await sleepsThrough(() => (write('etc/multihomed/hooks.d/1'), write('etc/multihomed/notes')));
    await wakesAt(() => write('etc/multihomed/config.yml'));
  });
});
