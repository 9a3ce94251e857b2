/** Environment variables of a hook, and the names of interfaces that it may get: values only. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hookEnvironment, isSafeName } from '../../src/hooks/environment.ts';
import { link, uplink } from './facts.ts';

describe('the environment of a hook', () => {
  it('has NetworkManager’s variables and those of multihomed for an IPv4 uplink', () => {
    const facts = uplink();
    expect(hookEnvironment('up', facts, ['ipv4', 'ipv6'])).toEqual({
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      NM_DISPATCHER_ACTION: 'up',
      DEVICE_IFACE: 'wwan0',
      DEVICE_IP_IFACE: 'wwan0',
      IP4_NUM_ADDRESSES: '1',
      IP4_ADDRESS_0: '192.0.2.7/24 192.0.2.1',
      IP4_GATEWAY: '192.0.2.1',
      MULTIHOMED_ACTION: 'up',
      MULTIHOMED_RULE: 'wwan*|usb*',
      MULTIHOMED_REASON: 'active',
      MULTIHOMED_ADDRESS: '192.0.2.7',
      MULTIHOMED_ENDPOINT_ID: '3',
      MULTIHOMED_FLAGS: 'subflow backup',
      MULTIHOMED_TABLE: '86840007',
      MULTIHOMED_GATEWAY: '192.0.2.1',
      MULTIHOMED_FAMILIES: 'ipv4 ipv6',
      MULTIHOMED_JSON: JSON.stringify({ action: 'up', ...facts, families: ['ipv4', 'ipv6'] }),
    });
  });

  it('has only IP6 variables for an IPv6 uplink, and none for unknown values', () => {
    const facts = uplink({
      family: 'ipv6',
      address: '2001:db8::7',
      prefixLength: 64,
      gateway: null,
      endpointId: null,
      table: null,
      flags: [],
    });
    expect(hookEnvironment('down', facts)).toEqual({
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      NM_DISPATCHER_ACTION: 'down',
      DEVICE_IFACE: 'wwan0',
      DEVICE_IP_IFACE: 'wwan0',
      IP6_NUM_ADDRESSES: '1',
      IP6_ADDRESS_0: '2001:db8::7/64 ::',
      MULTIHOMED_ACTION: 'down',
      MULTIHOMED_RULE: 'wwan*|usb*',
      MULTIHOMED_REASON: 'active',
      MULTIHOMED_ADDRESS: '2001:db8::7',
      MULTIHOMED_FLAGS: '',
      MULTIHOMED_FAMILIES: '',
      MULTIHOMED_JSON: JSON.stringify({ action: 'down', ...facts, families: [] }),
    });
  });

  it('has gateway 0.0.0.0 for an IPv4 uplink without a gateway, as NetworkManager does', () => {
    const environment = hookEnvironment('up', uplink({ gateway: null }));
    expect(environment['IP4_ADDRESS_0']).toBe('192.0.2.7/24 0.0.0.0');
    expect(environment).not.toHaveProperty('IP4_GATEWAY');
    expect(environment).not.toHaveProperty('MULTIHOMED_GATEWAY');
  });

  it('has the variables of a link', () => {
    const facts = link();
    expect(hookEnvironment('link-up', facts)).toEqual({
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      NM_DISPATCHER_ACTION: 'link-up',
      DEVICE_IFACE: 'wwan0',
      DEVICE_IP_IFACE: 'wwan0',
      MULTIHOMED_ACTION: 'link-up',
      MULTIHOMED_RULE: 'wwan*|usb*',
      MULTIHOMED_REASON: 'the link has carrier',
      MULTIHOMED_JSON: JSON.stringify({ action: 'link-up', ...facts }),
    });
  });

  it('has no control character in a value; JSON keeps them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (reason, rule) => {
        const facts = uplink({ reason, rule });
        const environment = hookEnvironment('change', facts);
        for (const value of Object.values(environment)) {
          // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
          expect(value).not.toMatch(/[\u0000-\u001f]/);
        }
        expect(JSON.parse(environment['MULTIHOMED_JSON'] ?? '')).toEqual({
          action: 'change',
          ...facts,
          families: [],
        });
      }),
    );
  });
});

describe('names of interfaces passed to hooks', () => {
  it.each(['eth0', '-rf', '$(reboot)', 'a\'b"c', 'wläń0', '*', 'a%b', '100%'])(
    '%s is passed unchanged',
    (name) => {
      expect(isSafeName(name)).toBe(true);
    },
  );

  it.each(['', '.', '..', 'a/b', 'a b', 'a\nb', 'a\u001b[m', 'a\u0000', 'a\u009b', 'bad\ufffd'])(
    '%j is not passed',
    (name) => {
      expect(isSafeName(name)).toBe(false);
    },
  );
});
