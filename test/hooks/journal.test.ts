/** The shipped journal hook with the real systemd-journald in a namespace. */
import { afterEach, describe, expect, it } from 'vitest';
import { link, uplink } from './facts.ts';
import { openHarness, type Harness } from './harness.ts';
import { missing } from '../support/programs.ts';

// Real programs on a busy machine.
const why = missing({
  logger: 'bsdutils',
  '/lib/systemd/systemd-journald': 'systemd',
  journalctl: 'systemd',
});
if (why !== null) console.log(`The journal hook is not tested: ${why}.`);

let harness: Harness;
afterEach(() => harness.end());

describe.skipIf(why !== null)('the journal hook', () => {
  it('writes to journald with fields for queries', async () => {
    harness = await openHarness('10-journal');
    await harness.shell(
      'mkdir -p /run/systemd/journal; /lib/systemd/systemd-journald >/run/journald.log 2>&1 &',
    );
    await harness.until('[ -S /run/systemd/journal/socket ]');
    await harness.runHook('link-up', link());
    await harness.runHook('up', uplink());
    const { reports, lines } = await harness.runHook('down', uplink({ reason: 'carrier lost' }));
    expect(reports.map(({ outcome }) => outcome)).toEqual(['done']);
    expect(lines.filter((line) => line.startsWith('info'))).toEqual([]);
    const ask = 'journalctl -D /run/log/journal -o json -t multihomed';
    const found = await harness.until(`${ask} MULTIHOMED_INTERFACE=wwan0 MULTIHOMED_ACTION=down | grep .`);
    expect(JSON.parse(found)).toMatchObject({
      MESSAGE: 'wwan0 down 192.0.2.7 via 192.0.2.1: carrier lost',
      PRIORITY: '4',
      SYSLOG_IDENTIFIER: 'multihomed',
      MULTIHOMED_RULE: 'wwan*|usb*',
      MULTIHOMED_REASON: 'carrier lost',
      MULTIHOMED_ADDRESS: '192.0.2.7',
      MULTIHOMED_GATEWAY: '192.0.2.1',
      MULTIHOMED_ENDPOINT_ID: '3',
      MULTIHOMED_FLAGS: 'subflow backup',
      MULTIHOMED_TABLE: '86840007',
    });
    const all = (await harness.shell(`${ask} --output-fields=MESSAGE -o cat`)).stdout.trim().split('\n');
    expect(all).toEqual([
      'wwan0 link-up: the link has carrier',
      'wwan0 up 192.0.2.7 via 192.0.2.1: active',
      'wwan0 down 192.0.2.7 via 192.0.2.1: carrier lost',
    ]);
  });

  it('reports that no journald runs', async () => {
    harness = await openHarness('10-journal');
    // The machine's own /dev/log, if there is one, is a link into a /run that is empty here.
    const { reports, lines } = await harness.runHook('up', uplink());
    expect(reports.map(({ outcome }) => outcome)).toEqual(['done']);
    if ((await harness.shell('[ -S /dev/log ]')).status !== 0) {
      expect(lines.join('\n')).toContain('neither journald nor a syslog daemon runs: nothing is written');
    }
  });
});
