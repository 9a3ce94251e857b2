/** The status line that `systemctl status` shows. */
import { expect, test } from 'vitest';
import { statusText } from '../../src/daemon/service-status.ts';

type View = Parameters<typeof statusText>[0];

const view = (paused: boolean, ...uplinks: readonly (readonly [string, string])[]): View =>
  ({
    plan: { uplinks: uplinks.map(([state, name]) => ({ state, interface: name, address: '10.0.0.2' })) },
    state: { paused: paused ? { files: '' } : null },
  }) as unknown as View;

test('sd_notify STATUS: number and names of active uplinks', () => {
  const some = view(false, ['active', 'eth0'], ['no carrier', 'wwan0'], ['ignored', 'docker0']);
  expect(statusText(some)).toBe('1 of 2 uplinks active: eth0 10.0.0.2');
  expect(statusText(view(false, ['active', 'eth0'], ['active', 'wl\n']))).toMatch(
    /^2 of 2 uplinks active: eth0 10\.0\.0\.2, wl\S+ 10\.0\.0\.2$/,
  );
  expect(statusText(view(false, ['no carrier', 'eth0']))).toBe('0 of 1 uplink active');
});

test('sd_notify STATUS: a pause and the command that ends it', () => {
  expect(statusText(view(true, ['active', 'eth0']))).toMatch(/^paused .*"multihomed reload"$/);
});
