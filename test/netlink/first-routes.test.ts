/** A dump that keeps only the first routes. */
import { expect, test } from 'vitest';
import type { NetlinkRequest } from '../../src/netlink/connection.ts';
import { dumpRoutes } from '../../src/netlink/route/route.ts';

test('a dump that is repeated keeps as many routes as the first one', async () => {
  const kept: number[] = [];
  const dump = ({ keep, type }: NetlinkRequest) => {
    for (const sequence of [7, 8]) {
      let count = 0;
      const reply = { type, flags: 0, sequence, portId: 0, payload: Buffer.alloc(12) };
      for (let n = 0; n < 3; n++) if (keep!(reply, count)) count++;
      kept.push(count);
    }
    return Promise.resolve([]);
  };
  const requester = { dump, request: () => Promise.reject(new Error('no request is expected')) };
  await dumpRoutes(requester, { family: 'ipv4', ifindex: 3, most: 2 });
  expect(kept).toEqual([2, 2]);
});
