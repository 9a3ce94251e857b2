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

test('what several changes make stale is together until a pass takes it; after an unknown change, all is', () => {
  const pending = new PendingChanges();
  const none = { links: new Set<number>(), sources: new Set<string>(), tables: new Set<number>() };
  pending.add(['routes'], [2], { ...none, links: new Set([2]) });
  pending.addOwn(['endpoints'], { ...none, links: new Set([9]) });
  pending.addOwn(['routes', 'policyRules'], { ...none, tables: new Set([86_840_002]) });
  pending.addOwn(['policyRules'], { ...none, sources: new Set(['192.0.2.10']) });
  const dirty = { links: new Set([2]), sources: new Set(['192.0.2.10']), tables: new Set([86_840_002]) };
  const taken = pending.take();
  expect(taken.dirty).toEqual(dirty);
  pending.addOwn(['routes'], null);
  pending.addOwn(['routes'], { ...none, links: new Set([3]) });
  expect(taken.dirty).toEqual(dirty);
  expect(pending.take().dirty).toBeNull();
  expect(pending.take().dirty).toEqual(none);
});
