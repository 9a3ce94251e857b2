/** A reload with changed rules: what is removed, changed and kept. */
import { describe, expect, test } from 'vitest';
import { applyOutcome, retryAll } from '../../src/actions/transitions.ts';
import { NetlinkError } from '../../src/netlink/error.ts';
import { actionText } from '../../src/actions/action.ts';
import { rule, type PlanHost } from './build.ts';
import { GONE, settled, two } from './two.ts';

describe('a reload', () => {
  test('that ignores the interface removes its objects if another is active', () => {
    const host = settled().rules([
      rule('eth*', { ignore: true }),
      rule('wwan*', { flags: ['subflow', 'backup'] }),
    ]);
    expect(host.pass()).toEqual(GONE);
  });

  test('that turns backup off only changes the endpoint', () => {
    const host = settled().rules([rule('eth*'), rule('wwan*')]);
    expect(host.settle()).toEqual([['endpoint change 10.0.0.5 dev wwan0 subflow id 2']]);
  });

  test('that turns fullmesh on changes the endpoint', () => {
    const host = settled().rules([
      rule('eth*', { flags: ['subflow', 'fullmesh'] }),
      rule('wwan*', { flags: ['subflow', 'backup'] }),
    ]);
    expect(host.settle()).toEqual([
      ['limits set add_addr_accepted 8', 'endpoint change 192.0.2.10 dev eth0 subflow,fullmesh id 1'],
    ]);
  });

  test('from subflow to signal deletes and adds the endpoint (no other flag can be changed)', () => {
    const host = settled().rules([
      rule('eth*', { flags: ['signal'] }),
      rule('wwan*', { flags: ['subflow', 'backup'] }),
    ]);
    expect(host.settle().flat()).toEqual([
      'endpoint delete 192.0.2.10 dev eth0 subflow id 1',
      'endpoint add 192.0.2.10 dev eth0 signal id 1',
    ]);
  });

  test('to another port deletes and adds the endpoint', () => {
    const signal = (port: number) => [rule('eth*', { flags: ['signal'], port })];
    const host = settled(two().rules(signal(4433))).rules(signal(4434));
    expect(host.settle().flat()).toEqual([
      'endpoint delete 192.0.2.10 port 4433 dev eth0 signal id 1',
      'endpoint add 192.0.2.10 port 4434 dev eth0 signal id 1',
    ]);
  });

  test.each([
    ['EEXIST', 17, 'too many addresses or duplicate one', /again at the next pass: .*EEXIST/],
    ['EADDRINUSE', 98, undefined, /again at the next reload: .*EADDRINUSE/],
  ])('refused with %s leaves the objects in place', (_, errno, kernelText, reason) => {
    const signal = (port: number) => [rule('eth*', { flags: ['signal'], port })];
    const host = settled(two().rules(signal(4433))).rules(signal(4434));
    const before = host.state;
    const add = host.look().actions.find(({ kind }) => kind === 'endpoint add')!;
    const error = new NetlinkError({ operation: actionText(add), errno, kernelText });
    const { failures } = applyOutcome(before, { action: add, error, restoreReplaced: true });
    host.state = { ...before, failures };
    expect(host.settle()).toEqual([]);
    expect(host.reason('192.0.2.10')).toMatch(reason);
    host.state = retryAll(host.state);
    expect(host.settle()).toHaveLength(errno === 17 ? 1 : 0);
  });

  test('that changes nothing does nothing', () => {
    expect(settled().rules(two().configuration.rules).settle()).toEqual([]);
  });
});

describe('a removed rule', () => {
  const removed = (host = settled()): PlanHost =>
    host.rules([rule('wwan*', { flags: ['subflow', 'backup'] })]);

  test('without an open connection: all objects are removed, also of the last path', () => {
    expect(removed().pass()).toEqual(GONE);
    expect(
      removed(settled(two().withoutDefault(3)))
        .pass()
        .slice(0, GONE.length),
    ).toEqual(GONE);
  });

  test('a connection also uses another address: all objects are removed', () => {
    const host = removed();
    host.connections = [['192.0.2.10', '10.0.0.5'], ['10.0.0.5']];
    expect(host.pass()).toEqual(GONE);
  });

  test('would cut connections: lingers until they end; the reason counts them', () => {
    const host = removed();
    host.connections = [['192.0.2.10'], ['192.0.2.10', '192.0.2.10'], ['10.0.0.5']];
    expect(host.settle()).toEqual([]);
    expect(host.states).toContain('eth0 192.0.2.10: lingering');
    expect(host.reason('192.0.2.10')).toMatch(/2 open connections; .*: multihomed endpoint delete id 1$/);
    host.connections = [['10.0.0.5']];
    expect(host.pass()).toEqual(GONE);
  });

  test('with another rule: the last of two endpoints of a connection stays', () => {
    const host = settled().rules([]);
    host.connections = [['192.0.2.10', '10.0.0.5']];
    host.pass();
    // The kernel closed its subflow with it.
    host.connections = [['10.0.0.5']];
    host.settle();
    expect(host.endpoints.map(({ address }) => address)).toEqual(['10.0.0.5']);
  });

  test('keeps its slot while it would cut a connection', () => {
    const host = settled(two().withoutDefault(3));
    host.connections = [['192.0.2.10']];
    host.room = 1;
    removed(host).default(3, '10.0.0.1');
    host.settle();
    expect(host.endpoints.map(({ address }) => address)).toEqual(['192.0.2.10']);
  });
});
