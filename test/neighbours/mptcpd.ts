/** The real mptcpd beside the daemon. */
import { join } from 'node:path';
import type { Netns } from '../support/netns.ts';
import { Background } from './background.ts';
import { find, libraries } from './part.ts';

/** Flags for the endpoints that it adds; null: as Debian installs it, without flags. */
export function startMptcpd(netns: Netns, flags: string | null): Background {
  const program = find('mptcpd');
  if (program === null) throw new Error('mptcpd is not installed');
  const background = new Background(netns);
  const plugins = join(program.root || '/', libraries(), 'mptcpd');
  background.start(
    program.path,
    [
      ...[`--plugin-dir=${plugins}`, '--path-manager=addr_adv', '--log=stderr', '--debug'],
      ...(flags === null ? [] : [`--addr-flags=${flags}`]),
    ],
    program.environment,
  );
  return background;
}
