/** Reads what changed since the last pass. */
import type { SnapshotReader } from '../snapshot/reader.ts';
import type { Snapshot, SnapshotPart } from '../snapshot/snapshot.ts';
import type { ChangeBatch, PendingChanges } from './pending-changes.ts';

export interface ReadChanges {
  readonly batch: ChangeBatch;
  readonly read: Snapshot;
}

/** @throws NetlinkError the changes are pending again */
export async function readChanges(pending: PendingChanges, reader: SnapshotReader): Promise<ReadChanges> {
  const first = await readOnce(pending, reader);
  // An address that was replaced during the read may be missing from it. Read again, but only once: events may not end.
  if (!pending.moved) return first;
  pending.requeue(first.batch);
  return readOnce(pending, reader);
}

/** Always reads endpoints: the kernel reports no change, and a new one must not collide with an unknown one. */
async function readOnce(pending: PendingChanges, reader: SnapshotReader): Promise<ReadChanges> {
  const batch = pending.take();
  try {
    const stale = new Set<SnapshotPart>([...batch.stale, 'endpoints']);
    const by = batch.woken ? 'anybody' : 'actions';
    return { batch, read: await reader.read(stale, batch.dirty, by) };
  } catch (error) {
    pending.requeue(batch);
    throw error;
  }
}
