/** The completion scripts in the real bash, zsh and fish: every command and option, and the names of interfaces. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { program } from '../../src/commands/program.ts';
import {
  addArguments,
  changeArguments,
  deleteArguments,
  limitsArguments,
  showArguments,
} from '../../src/commands/ipmptcp/arguments.ts';
import { commandNodes } from '../../src/commands/shell/tree.ts';
import { test, type Lab } from '../support/lab.ts';
import { SHELLS, Terminal } from './terminal.ts';

/** Valid names of interfaces that a shell would interpret. */
const ODD = [
  'a$(id>ran)',
  'b`id>ran`',
  'c;id>ran',
  'd|id>ran',
  'e\'"f',
  'g&id',
  'h*',
  'i\\n',
  'j#k',
  'm!l',
  'n~',
  'o{p,q}',
  'r[s]',
  't<u',
];

function prepare(lab: Lab): string {
  for (const [at, name] of ['wwan0', '-x', ...ODD].entries())
    execFileSync('ip', [
      '-n',
      lab.host.name,
      'link',
      'add',
      'name',
      name,
      'type',
      'veth',
      'peer',
      'name',
      `zz${at}`,
    ]);
  lab.host.ip('mptcp endpoint add 10.0.0.2 dev wwan0 id 117 subflow');
  const folder = join(lab.folder, 'home');
  mkdirSync(join(folder, 'my rules'), { recursive: true });
  writeFileSync(join(folder, 'my rules/first.yaml'), '');
  return folder;
}

function missing(shell: string): string | null {
  try {
    execFileSync('sh', ['-c', `command -v ${shell}`]);
    return null;
  } catch {
    return `${shell} is not installed: apt-get install ${shell}`;
  }
}

const VALUES: Readonly<Record<string, string>> = {
  id: '3',
  dev: 'eth0',
  port: '4433',
  subflows: '3',
  add_addr_accepted: '3',
};

const READERS: Readonly<Record<string, (words: readonly string[]) => unknown>> = {
  'endpoint add': (words) =>
    addArguments(['192.0.2.1', ...words, ...(words.includes('port') ? ['signal'] : [])]),
  'endpoint delete': deleteArguments,
  'endpoint change': ([word = '', ...rest]) =>
    changeArguments([
      ...(word === 'id' ? [] : ['192.0.2.1']),
      word,
      ...rest,
      ...(rest.length > 0 ? ['backup'] : []),
    ]),
  'endpoint show': showArguments,
  'limits set': limitsArguments,
};

const offered = commandNodes(program(() => undefined)).flatMap(({ path, keywords }) =>
  Object.entries(keywords ?? {}).map(
    ([word, value]) => [path, word, ...(value === null ? [] : [VALUES[word] ?? ''])] as const,
  ),
);

test.each(offered)('%s takes %s %s', (path, ...words) => {
  READERS[path]?.(words);
  expect(READERS).toHaveProperty([path]);
});

describe.each(SHELLS)('%s', (shell) => {
  const why = missing(shell);

  test('completes words and quotes names of interfaces', async ({ lab, skip, task }) => {
    if (why !== null) {
      if (process.env['CI'] === 'true') throw new Error(why);
      Object.assign(task.meta, { why });
      skip(why);
    }
    const folder = prepare(lab);
    const terminal = await Terminal.open(shell, lab.host, folder);
    const line = async (text: string): Promise<string[]> =>
      (await terminal.words(`multihomed ${text}`)).slice(1);
    try {
      expect(await line('stat\t')).toEqual(['status']);
      expect(await line('run --dry\t')).toEqual(['run', '--dry-run']);
      expect(await line('run --log jo\t')).toEqual(['run', '--log', 'journal']);
      expect(await line('run --log=jo\t')).toEqual(['run', '--log=journal']);
      expect(await line('run --dry-run --once --deb\t')).toEqual(['run', '--dry-run', '--once', '--debug']);
      expect(await line(`run --netns ${lab.provider.name.slice(0, -1)}\t`)).toEqual([
        'run',
        '--netns',
        lab.provider.name,
      ]);
      // Regular files are not listed as namespaces.
      expect(await line('run --netns my\t')).toEqual(['run', '--netns', 'my']);
      expect(await line('check my\tfir\t')).toEqual(['check', 'my rules/first.yaml']);
      expect(await line('plan --config my\tfir\t')).toEqual(['plan', '--config', 'my rules/first.yaml']);
      expect(await line('plan --json --config=my\tfir\t')).toEqual([
        'plan',
        '--json',
        '--config=my rules/first.yaml',
      ]);
      expect(await line('completion f\t')).toEqual(['completion', 'fish']);
      expect(await line('help expl\t')).toEqual(['help', 'explain']);
      expect(await line('explain --json wwa\t')).toEqual(['explain', '--json', 'wwan0']);
      expect(await line('explain -x\t')).toEqual(['explain', '-x']);
      expect(await line('explain -- -\t')).toEqual(['explain', '--', '-x']);
      expect(await line('endpoint del\tid 1\t')).toEqual(['endpoint', 'delete', 'id', '117']);
      expect(await line('endpoint show id 1\t')).toEqual(['endpoint', 'show', 'id', '117']);
      expect(await line('endpoint add 10.0.0.3 dev wwa\tba\t')).toEqual(
        'endpoint add 10.0.0.3 dev wwan0 backup'.split(' '),
      );
      expect(await line('limits set add\t')).toEqual(['limits', 'set', 'add_addr_accepted']);
      for (const name of ODD) expect(await line(`status ${name[0]}\t`)).toEqual(['status', name]);
      expect(readdirSync(folder).filter((name) => name.startsWith('ran'))).toEqual([]);
      expect(existsSync('ran')).toBe(false);
    } finally {
      await terminal.end();
    }
  });
});
