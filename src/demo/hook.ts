/** The hook that the daemon runs in the demo. It prints its arguments, address and gateway. */

export const HOOK_NAME = '50-say';

export const HOOK_TEXT = `#!/bin/sh
echo "$1 $2\${MULTIHOMED_ADDRESS:+, $MULTIHOMED_ADDRESS}\${MULTIHOMED_GATEWAY:+ via $MULTIHOMED_GATEWAY}"
`;

/** A line of the daemon's log: `/etc/multihomed/hooks.d/50-say (wwan0 up): what it printed`. */
const LINE = /^\/etc\/multihomed\/hooks\.d\/(\S+) \((\S+) ([a-z-]+)\): (.*)$/;

export function hookLine(
  line: string,
): { hook: string; interface: string; action: string; text: string } | null {
  const [, hook, name, action, text] = LINE.exec(line) ?? [];
  if (!hook || !name || !action || text === undefined) return null;
  return { hook, interface: name, action, text };
}
