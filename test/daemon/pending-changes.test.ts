/** Which changes make a further pass due. */
import { expect, test } from 'vitest';
import { PendingChanges } from '../../src/daemon/pending-changes.ts';

test('a pass is due after a change of paths, which makes nothing stale, until a pass takes it', () => {
  const pending = new PendingChanges();
  expect(pending.any).toBe(false);
  // As when an uplink is suspect no longer while a pass is running.
  pending.add([], []);
  expect(pending.any).toBe(true);
  expect(pending.take()).toMatchObject({ stale: new Set(), woken: true });
  expect(pending.any).toBe(false);
});
