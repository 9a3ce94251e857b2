/**
 * The real NetworkManager beside the daemon, with its own files and its own bus; it sees only the test's
 * namespace.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Cable } from '../support/cable.ts';
import type { Lab } from '../support/lab.ts';
import { Background } from './background.ts';
import { find } from './part.ts';

/** Everybody may send everything on this bus; only the test's own programs know it. */
const bus = (
  socket: string,
): string => `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type><listen>unix:path=${socket}</listen><auth>EXTERNAL</auth>
  <policy context="default"><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>
`;

export class NetworkManager {
  readonly #lab: Lab;
  readonly #folder: string;
  readonly #background: Background;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#background = new Background(lab.host);
    this.#folder = join(lab.folder, 'network-manager');
    for (const name of ['', 'conf.d', 'connections', 'run'])
      mkdirSync(join(this.#folder, name), { mode: 0o700 });
  }

  get #environment(): NodeJS.ProcessEnv {
    return {
      ...find('NetworkManager')?.environment,
      DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${join(this.#folder, 'bus')}`,
    };
  }

  /** A profile with the cable's address and default route; `more` is added to its first section. */
  profile(cable: Cable, more = ''): void {
    const file = join(this.#folder, 'connections', `${cable.device}.nmconnection`);
    const text = `[connection]
id=${cable.device}
type=ethernet
interface-name=${cable.device}
${more}
[ipv4]
method=manual
address1=${cable.prefixed()},${cable.gateway()}
[ipv6]
method=manual
address1=${cable.prefixed(6)},${cable.gateway(6)}
`;
    writeFileSync(file, text, { mode: 0o600 });
  }

  /** With a file in conf.d; waits until all profiles are active. */
  async start(configuration = ''): Promise<void> {
    const [folder, background] = [this.#folder, this.#background];
    writeFileSync(join(folder, 'bus.conf'), bus(join(folder, 'bus')));
    writeFileSync(
      join(folder, 'main.conf'),
      `[main]\nplugins=keyfile\ndns=none\nno-auto-default=*\n[keyfile]\npath=${folder}/connections\n`,
    );
    writeFileSync(join(folder, 'conf.d', 'multihomed.conf'), configuration);
    background.start('dbus-daemon', [`--config-file=${folder}/bus.conf`, '--nofork', '--nopidfile']);
    await expect.poll(() => existsSync(join(folder, 'bus'))).toBe(true);
    const program = find('NetworkManager');
    if (program === null) throw new Error('NetworkManager is not installed');
    // By a read-only /sys it knows that no udev runs; its folder under /run is one of the test.
    background.startMounted(
      `mount -t sysfs -o ro sysfs /sys
      mkdir -p /run/NetworkManager && mount --bind "$0/run" /run/NetworkManager
      for each in /var/lib /etc/NetworkManager; do
        if [ -d $each ]; then mount -t tmpfs tmpfs $each; fi
      done
      exec "$1" --debug --config="$0/main.conf" --config-dir="$0/conf.d" --system-config-dir="$0/conf.d" \\
        --intern-config="$0/intern.conf" --state-file="$0/state" --log-level=INFO`,
      [folder, program.path],
      this.#environment,
    );
    await expect.poll(() => background.log).toContain('startup complete');
  }

  /**
   * Runs `nmcli` with these words.
   * @throws with its error output
   */
  nmcli(...words: string[]): string {
    return execFileSync('nsenter', [`--net=${this.#lab.host.path}`, find('nmcli')!.path, ...words], {
      encoding: 'utf8',
      env: { ...process.env, ...this.#environment, LC_ALL: 'C' },
    });
  }

  end(): Promise<void> {
    return this.#background.end();
  }
}
