/** Counts each peculiarity of the kernel, each fault and each change, over all histories of a run. */
import type { Host } from './host.ts';

const all = new Map<string, number>();
let histories = 0;

export function count(host: Host): void {
  histories++;
  const { state, done } = host.kernel;
  const count = (what: string, times: number): void => void all.set(what, (all.get(what) ?? 0) + times);
  for (const [what, times] of state.peculiarities) count(what, times);
  count('changes by the daemon', done.length);
}

/** Keeps the greatest value of all histories. */
export function recordMaximum(what: string, value: number): void {
  all.set(what, Math.max(all.get(what) ?? 0, Math.ceil(value)));
}

export const counts = (): ReadonlyMap<string, number> => all;

export const summary = (): string =>
  `${histories} histories: ` +
  [...all]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([what, times]) => `${what} ${times}`)
    .join(', ');
