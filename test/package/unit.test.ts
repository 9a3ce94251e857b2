/** The units as systemd parses them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const unit = (name: string): string[] =>
  readFileSync(fileURLToPath(new URL(`../../systemd/${name}`, import.meta.url)), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

test('multihomed@.service differs from multihomed.service only in the network namespace', () => {
  const [own, template] = [unit('multihomed.service'), unit('multihomed@.service')];
  const only = (these: readonly string[], others: readonly string[]): string[] =>
    these.filter((line) => !others.includes(line));
  expect(only(own, template)).toEqual([
    'Description=Multipath TCP endpoints for every uplink',
    'ExecStart=/usr/bin/multihomed run --log journal',
  ]);
  expect(only(template, own)).toEqual([
    'Description=Multipath TCP endpoints for every uplink of the network namespace %i',
    'ConditionPathExists=/run/netns/%i',
    'NetworkNamespacePath=/run/netns/%i',
    'ExecStart=/usr/bin/multihomed run --log journal --config /etc/multihomed/%i.yaml',
  ]);
});

test('no target of the boot waits for the daemon', () => {
  expect(unit('multihomed.service').filter((line) => line.startsWith('Before='))).toEqual([]);
});
