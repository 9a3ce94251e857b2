/**
 * Runs the same history on the model and on the running kernel, and compares their state and their replies. For a
 * long run set MULTIHOMED_REPLAYS=500 and MULTIHOMED_OPERATIONS=200; MULTIHOMED_SEED selects another run.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { isPrivate } from '../../support/lab.ts';
import { SEED as seed } from '../../support/seed.ts';
import { OPENING, operations, type Operation } from './operations.ts';
import { SHORT_LIMIT_MS, ReplayNamespace, type Counters } from './replay-namespace.ts';
import { shrink } from './shrink.ts';

/** Several in parallel, since the kernel mostly waits for itself (RCU). */
const NAMESPACES = 4;
const RUNS = Number(process.env['MULTIHOMED_REPLAYS'] ?? 12);
const LENGTH = Number(process.env['MULTIHOMED_OPERATIONS'] ?? 60);

describe.skipIf(!isPrivate)('model kernel and real kernel', () => {
  const counters: Counters = new Map();
  const namespaces: ReplayNamespace[] = [];
  let replayed = 0;
  let reportedAt = performance.now();

  afterAll(() => {
    for (const namespace of namespaces) namespace.end();
    console.log(summary());
  });

  function summary(): string {
    const counts = [...counters.values()];
    const all = counts.reduce((sum, { done, refused }) => sum + done + refused, 0);
    const lines = [...counters]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([operation, { done, refused }]) => `${operation} ${done} (+${refused} refused)`);
    return `${replayed} histories, ${all} operations replayed (seed ${seed}): ${lines.join(', ')}`;
  }

  test('agree on nexthops of a link that is set up before it has carrier', async () => {
    const namespace = new ReplayNamespace(`replay-${process.pid}-carrier`, new Map());
    namespaces.push(namespace);
    const history: readonly Operation[] = [
      ...OPENING,
      { kind: 'unplug', slot: 1 },
      { kind: 'route multipath', slots: [1, 2], family: 'ipv6', gateway: 1, metric: 0, table: 254 },
      { kind: 'down', slot: 1 },
      // Each operation asks four of all queries.
      ...Array.from({ length: 32 }, (): Operation => ({ kind: 'up', slot: 1 })),
      { kind: 'plug', slot: 1 },
    ];
    expect(await namespace.replay(history)).toEqual([]);
  });

  test(`agree in ${RUNS} histories of ${LENGTH} operations`, { timeout: 0 }, async () => {
    const length = Math.max(0, LENGTH - OPENING.length);
    const rest = fc.array(operations, { minLength: length, maxLength: length, size: 'max' });
    const histories = fc
      .sample(rest, { numRuns: RUNS, seed })
      .map((each) => [...OPENING, ...each].slice(0, LENGTH));
    const failures: string[] = [];
    const work = async (name: string): Promise<void> => {
      const namespace = new ReplayNamespace(name, counters);
      namespaces.push(namespace);
      for (let history = histories.shift(); history && failures.length === 0; history = histories.shift()) {
        const found = await namespace.replay(history);
        if (found.length > 0) failures.push(await described(namespace, history, found));
        replayed++;
        if (performance.now() - reportedAt < 60_000) continue;
        reportedAt = performance.now();
        console.log(summary());
      }
    };
    await Promise.all(Array.from({ length: NAMESPACES }, (_, at) => work(`replay-${process.pid}-${at}`)));
    expect(failures.join('\n\n')).toBe('');
  });
});

/** Shrinks a failing history. @returns its difference and the history */
async function described(
  namespace: ReplayNamespace,
  history: readonly Operation[],
  found: string[],
): Promise<string> {
  console.log(`shrinking: ${found.join('\n')}`);
  const small = await shrink(
    history,
    async (each) => (await namespace.replay(each, SHORT_LIMIT_MS)).length > 0,
  );
  const again = await namespace.replay(small);
  return [...(again.length > 0 ? again : found), JSON.stringify(small)].join('\n');
}
