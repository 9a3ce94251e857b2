/** The shipped desktop hook with a real session bus and notification service in a namespace. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { link, uplink } from './facts.ts';
import { isWholeRoot } from './scripts.ts';
import { openHarness, type Harness } from './harness.ts';
import { missing } from '../support/programs.ts';

// Real programs on a busy machine.
const why = missing({
  'notify-send': 'libnotify-bin',
  'dbus-daemon': 'dbus',
  dunst: 'dunst',
  Xvfb: 'xvfb',
  setpriv: 'util-linux',
});
if (why !== null) console.log(`The desktop hook is not tested: ${why}.`);

/** A session bus that never answers, and a loop that stops all other processes of its user. */
const STOPPER = `
import os, signal, socket
bus = socket.socket(socket.AF_UNIX)
bus.bind('/run/user/65534/bus')
bus.listen(100)
print('listening', flush=True)
while True:
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            name = open(f'/proc/{pid}/comm').read().strip()
            if int(pid) == os.getpid() or os.stat(f'/proc/{pid}').st_uid != os.getuid(): continue
            os.kill(int(pid), signal.SIGSTOP)
            print('stopped', name, flush=True)
        except (OSError, ProcessLookupError): pass
`;

let harness: Harness;
afterEach(() => harness.end());

/** A desktop: a session bus, an X server without a screen, and a notification service that prints what it shows. */
async function startDesktop(uid: number): Promise<void> {
  harness = await openHarness('50-notify-desktop');
  const become = uid === 0 ? '' : `setpriv --reuid=${uid} --regid=${uid} --clear-groups`;
  const bus = `DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/${uid}/bus`;
  await harness.shell(`
    mkdir -p /run/user/${uid} /run/home
    chown ${uid} /run/user/${uid} /run/home
    chmod 700 /run/user/${uid}
    ${become} dbus-daemon --session --address=unix:path=/run/user/${uid}/bus --fork --nopidfile
    Xvfb :91 -nolock -ac -nolisten unix -nolisten local -listen tcp >/run/xvfb.log 2>&1 &`);
  // The service exits at once if the X server is not ready.
  await harness.until(`
    if ! env ${bus} ${become} busctl --user --no-pager status org.freedesktop.Notifications >/dev/null 2>&1; then
      ${become} env HOME=/run/home DISPLAY=127.0.0.1:91 ${bus} dunst -print >>/run/shown.log 2>&1 &
      sleep 0.3
      false
    fi`);
}

const shown = async (text: string): Promise<string> => harness.until(`grep -F -e "${text}" /run/shown.log`);

describe.skipIf(why !== null)('the desktop hook', () => {
  it('notifies the user of the active session of up and down', async () => {
    await startDesktop(0);
    const { reports, lines } = await harness.runHook('up', uplink());
    expect(reports.map(({ outcome, reason }) => [outcome, reason])).toEqual([['done', '']]);
    expect(lines.filter((line) => !line.startsWith('debug'))).toEqual([]);
    expect(await shown("summary: 'wwan0 is ready as a backup'")).toContain('wwan0');
    await shown("body: '192.0.2.7 via 192.0.2.1'");
    await harness.runHook('down', uplink({ reason: 'carrier lost' }));
    await shown("summary: 'wwan0 no longer carries data'");
    await shown("body: '192.0.2.7: carrier lost'");
    // Actions of links and changes show no notification.
    await harness.runHook('link-up', link({ interface: 'quiet0' }));
    await harness.runHook('change', uplink({ interface: 'quiet0' }));
    expect((await harness.shell('grep -c quiet0 /run/shown.log')).stdout.trim()).toBe('0');
  });

  it('escapes markup in a name or a reason', async () => {
    await startDesktop(0);
    await harness.runHook('down', uplink({ reason: '<img src="/etc/passwd"/> & more' }));
    await shown('192.0.2.7: &lt;img src=');
  });

  it.skipIf(!isWholeRoot())(
    'connects to the bus as that user (skipped unless root over other users)',
    async () => {
      await startDesktop(65534);
      // A bus that a user started only accepts that user.
      const { lines } = await harness.runHook('up', uplink({ flags: ['subflow'] }));
      expect(lines.filter((line) => line.startsWith('info'))).toEqual([]);
      await shown("summary: 'wwan0 carries data'");
    },
  );

  it.skipIf(!isWholeRoot())(
    'is not delayed by a user who stops all own processes (skipped unless root over other users)',
    async () => {
      harness = await openHarness('50-notify-desktop');
      writeFileSync(join(harness.root, 'stopper.py'), STOPPER);
      await harness.shell(`
        mkdir -p /run/user/65534
        chown 65534 /run/user/65534
        setpriv --reuid=65534 --regid=65534 --clear-groups python3 ${harness.root}/stopper.py >/run/stopped.log 2>&1 &`);
      await harness.until('grep -q listening /run/stopped.log');
      const { reports, lines } = await harness.runHook('up', uplink());
      expect(reports.map(({ outcome, reason }) => [outcome, reason])).toEqual([['done', '']]);
      expect(lines.join('\n')).toContain('user 65534 was not notified');
      const stopped = await harness.shell('grep ^stopped /run/stopped.log');
      expect(stopped.stdout).toMatch(/stopped (setpriv|setsid|env|notify-send)/);
      expect(stopped.stdout).not.toMatch(/stopped timeout/);
    },
  );

  it('exits successfully if no notification service answers', async () => {
    harness = await openHarness('50-notify-desktop');
    await harness.shell(`
      mkdir -p /run/user/0
      dbus-daemon --session --address=unix:path=/run/user/0/bus --fork --nopidfile`);
    const { reports, lines } = await harness.runHook('up', uplink());
    expect(reports.map(({ outcome }) => outcome)).toEqual(['done']);
    expect(lines.join('\n')).toContain('user 0 was not notified');
  });
});
