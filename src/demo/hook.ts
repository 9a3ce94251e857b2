/** The hook that the daemon runs in the demo, and the pipe through which it reports its runs. */
import { execFileSync } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';

export const HOOK_NAME = '50-say';
const PIPE = '/run/multihomed-demo.hooks';

/** A shell script that writes the facts of its run as one line of JSON; see multihomed-hooks(7). */
export const HOOK_TEXT = `#!/bin/sh
printf '%s\\n' "$MULTIHOMED_JSON" >${PIPE}
`;

/** One run of the hook, with the keys of MULTIHOMED_JSON that the demo shows. */
export interface HookRun {
  readonly interface: string;
  readonly action: string;
  readonly address?: string;
  readonly gateway?: string | null;
}

/** Creates the pipe and calls `onRun` for each run of the hook. The sandbox must be mounted. */
export function listenHook(onRun: (run: HookRun) => void): void {
  execFileSync('mkfifo', ['-m', '600', PIPE]);
  // Opened for writing too, so that the pipe does not end when a hook closes it (fifo(7)).
  const fd = openSync(PIPE, constants.O_RDWR | constants.O_NONBLOCK);
  const pipe = new Socket({ fd, readable: true, writable: false });
  createInterface(pipe).on('line', (line) => onRun(JSON.parse(line) as HookRun));
}

/** Such as `eth0 up, 192.0.2.10 via 192.0.2.1`. */
export const hookText = ({ interface: name, action, address, gateway }: HookRun): string =>
  `${name} ${action}${address ? `, ${address}` : ''}${gateway ? ` via ${gateway}` : ''}`;
