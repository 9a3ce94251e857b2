/** The system's configuration at its real place, /etc/multihomed, read by the command that a user installs. */
import { expect } from 'vitest';
import { finished, MAIN } from '../support/daemon.ts';
import { emptyFolder, HostFiles } from '../support/host-files.ts';
import { test } from '../support/lab.ts';

const YAML = 'rules:\n  eth0: subflow\n';
const FILES = [
  ['config.yaml', YAML],
  ['config.yml', YAML],
  ['config.json', '{ "rules": { "eth0": "subflow" } }'],
] as const;

test.for(FILES)('/etc/multihomed/%s is read by check and run', async ([name, text], { lab }) => {
  lab.cable('eth0').connect();
  const files = await HostFiles.mount(lab.host, emptyFolder(lab.folder, 'files'));
  try {
    files.write(`/etc/multihomed/${name}`, text);
    const check = await finished(files.spawn(process.execPath, [MAIN, 'check']));
    expect(check).toEqual({ code: 0, stdout: '1 rule in 1 file: no errors\n', stderr: '' });
    const run = await finished(files.spawn(process.execPath, [MAIN, 'run', '--once']));
    expect([run.code, run.stderr]).toEqual([
      0,
      expect.stringContaining(`1 rule from /etc/multihomed/${name}`),
    ]);
    expect(lab.host.endpointWords()).toEqual(['10.1.0.2 eth0 subflow']);
  } finally {
    await files.end();
  }
});
