/** The demo's front end: opens the sandbox, shows the facts that it reports, and ends both together. */
import { constants } from 'node:os';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../system/root.ts';
import { ScenarioError } from './event-log.ts';
import { openSandbox, type Sandbox } from './sandbox.ts';
import type { Fact } from './fact.ts';
import { internet } from './internet.ts';
import { laptop } from './laptop.ts';
import { Screen } from './screen.ts';
import { NoMptcpError } from '../netlink/error.ts';

const MAIN = join(PACKAGE_ROOT, 'dist/main.js');
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Parts that the demo itself starts inside the sandbox. */
export const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  laptop: () => laptop(MAIN),
  internet,
};

/**
 * @returns the exit code: 0, or 128 and the signal's number
 * @throws ForbiddenError, MissingError, NoMptcpError, ScenarioError
 */
export async function demo(options: { readonly json: boolean }): Promise<number> {
  let signalled: (typeof SIGNALS)[number] | null = null;
  let gone = false;
  let sandbox: Sandbox | null = null;
  const stop = (signal: (typeof SIGNALS)[number]): void => {
    signalled ??= signal;
    sandbox?.end();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  // The reader of the output is gone, so the demo ends.
  process.stdout.on('error', () => {
    gone = true;
    sandbox?.end();
  });
  sandbox = openSandbox(MAIN);
  const screen = options.json ? null : new Screen(process.stdout, process.env);
  try {
    if (signalled) sandbox.end();
    let last: Fact | null = null;
    for await (const fact of sandbox.facts) {
      if (signalled || gone) continue;
      if (screen) screen.show(fact);
      else process.stdout.write(`${JSON.stringify({ version: 1, ...fact })}\n`);
      last = fact;
    }
    const code = await sandbox.ended;
    if (signalled) screen?.interrupted();
    if (signalled) return 128 + constants.signals[signalled];
    if (gone) return 0;
    return verdict(last, code);
  } finally {
    sandbox.end();
    screen?.close();
    for (const signal of SIGNALS) process.removeListener(signal, stop);
  }
}

function verdict(last: Fact | null, code: number | null): number {
  if (last?.kind === 'failure' && last.reason === 'mptcp') throw new NoMptcpError(last.text);
  if (last?.kind === 'failure') throw new ScenarioError(last.text);
  if (last?.kind !== 'end')
    throw new ScenarioError(
      `the private network ended too early (${code === null ? 'killed' : `status ${code}`})`,
    );
  if (last.received !== last.sent)
    throw new ScenarioError(`${last.received} of ${last.sent} bytes were received`);
  return 0;
}
