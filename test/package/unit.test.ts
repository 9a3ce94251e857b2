/** The units as systemd parses them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { SERVICE_USER } from '../../src/system/passwd.ts';

const unit = (name: string): string[] =>
  readFileSync(fileURLToPath(new URL(`../../systemd/${name}`, import.meta.url)), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

/** The lines that one of two units has and the other has not. */
function differences(name: string, template: string): readonly [string[], string[]] {
  const [own, other] = [unit(name), unit(template)];
  return [own.filter((line) => !other.includes(line)), other.filter((line) => !own.includes(line))];
}

test('multihomed@.service differs from multihomed.service only in the network namespace', () => {
  expect(differences('multihomed.service', 'multihomed@.service')).toEqual([
    [
      'Description=Multipath TCP endpoints for every uplink',
      'After=sysinit.target basic.target network-pre.target multihomed-hooks.socket',
      'Wants=network-pre.target multihomed-hooks.socket',
      'ExecStart=/usr/bin/multihomed run --log journal',
      'Environment=MULTIHOMED_HOOKS_SOCKET=/run/multihomed-hooks/socket',
    ],
    [
      'Description=Multipath TCP endpoints for every uplink of the network namespace %i',
      'ConditionPathExists=/run/netns/%i',
      'After=sysinit.target basic.target network-pre.target multihomed-hooks@%i.socket',
      'Wants=network-pre.target multihomed-hooks@%i.socket',
      'NetworkNamespacePath=/run/netns/%i',
      'ExecStart=/usr/bin/multihomed run --log journal --config /etc/multihomed/%i.yaml',
      'Environment=MULTIHOMED_HOOKS_SOCKET=/run/multihomed-hooks/%i',
    ],
  ]);
});

test('the units of the hooks: those of a namespace differ only in the network namespace', () => {
  expect(differences('multihomed-hooks.service', 'multihomed-hooks@.service')).toEqual([
    ['Description=Hooks of multihomed', 'ExecStart=/usr/bin/multihomed hook-runner'],
    [
      'Description=Hooks of multihomed of the network namespace %i',
      'ConditionPathExists=/run/netns/%i',
      'NetworkNamespacePath=/run/netns/%i',
      'ExecStart=/usr/bin/multihomed hook-runner --config /etc/multihomed/%i.yaml',
    ],
  ]);
  expect(differences('multihomed-hooks.socket', 'multihomed-hooks@.socket')).toEqual([
    ['Description=Socket for the hooks of multihomed', 'ListenStream=/run/multihomed-hooks/socket'],
    [
      'Description=Socket for the hooks of multihomed of the network namespace %i',
      'ConditionPathExists=/run/netns/%i',
      'ListenStream=/run/multihomed-hooks/%i',
    ],
  ]);
});

test('the daemon is a user with one capability, and only it and root connect to the hook runner', () => {
  expect(unit('multihomed.service')).toEqual(
    expect.arrayContaining([
      'User=multihomed',
      'AmbientCapabilities=CAP_NET_ADMIN',
      'CapabilityBoundingSet=CAP_NET_ADMIN',
    ]),
  );
  expect(unit('multihomed-hooks.socket')).toEqual(
    expect.arrayContaining(['SocketUser=multihomed', 'SocketGroup=root', 'SocketMode=0660']),
  );
  expect(unit('multihomed.sysusers.conf').map((line) => line.split(' ').slice(0, 3))).toEqual([
    ['u', SERVICE_USER, '-'],
  ]);
});

test('no target of the boot waits for the daemon', () => {
  const lines = unit('multihomed.service');
  expect(lines.filter((line) => line.startsWith('Before='))).toEqual(['Before=shutdown.target']);
  // With its default dependencies, the target that starts it would (systemd.target(5)).
  expect(lines).toContain('DefaultDependencies=no');
});
