/**
 * A whole machine: a Debian with systemd in QEMU, the package installed in it, and USB network adapters that are
 * plugged in and pulled. Run by root: node test/machine/run.mjs [--suite trixie|bookworm] [--deb FILE] [--accel kvm]
 * [SCENARIO...]
 * Needs mmdebstrap, e2fsprogs, qemu-system-x86 and dnsmasq-base. See docs/machine.md.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Guest } from './guest.mjs';
import { image } from './image.mjs';
import { Network } from './network.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { PORT } from './steps.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const project = join(here, '../..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    suite: { type: 'string', default: 'trixie' },
    deb: { type: 'string' },
    accel: { type: 'string', default: 'tcg' },
  },
});

if (process.env['MULTIHOMED_MACHINE'] === undefined) {
  // No process outlives the script, however it ends.
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const { status } = spawnSync('unshare', [...namespaces, process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, MULTIHOMED_MACHINE: '1' },
  });
  process.exit(status ?? 1);
}

// The first process of a namespace is not ended by these signals otherwise.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const began = performance.now();
const seconds = () => ((performance.now() - began) / 1000).toFixed(0).padStart(5);
const say = (text) => console.log(`${seconds()} s  ${text}`);

const build = [join(project, 'packaging/debian/build.mjs')];
const deb = values.deb ?? execFileSync(process.execPath, build, { encoding: 'utf8' }).trim();
say(`package: ${deb}`);
const work = mkdtempSync(join(tmpdir(), 'multihomed-machine-'));
const network = new Network(work);
let guest;
let failed = 0;
try {
  const files = image(values.suite, deb, work);
  say(`image of ${values.suite}`);
  const taps = [0, 1].map((number) => network.router(number));
  const modems = [3, 4].map((number) => network.modem(number));
  network.serve(join(project, 'native/build/Release/multihomed.node'), join(here, 'talk.cjs'), PORT);
  guest = await Guest.boot(files, { accel: values.accel, tap: taps[0], work });
  say(`booted: ${await guest.sh('systemd-analyze | head -1', { fails: true })}`);
  for (const [name, scenario] of SCENARIOS) {
    if (positionals.length > 0 && name !== 'install' && !positionals.includes(name)) continue;
    try {
      const result = await scenario({ guest, network, taps, modems });
      say(`passed: ${name}${result ? `: ${result}` : ''}`);
    } catch (error) {
      failed++;
      say(`FAILED: ${name}: ${error.message}`);
      const logs = [
        'multihomed status',
        'ip address',
        'ip rule',
        'ip mptcp endpoint',
        'systemctl --no-pager --failed',
        'journalctl -b -n 150 --no-pager',
      ];
      for (const command of logs) console.log(`--- ${command}\n${await guest.sh(command, { fails: true })}`);
      await guest.restore();
      network.block(taps[1], false);
    }
  }
} catch (error) {
  failed++;
  say(`FAILED: ${error.stack}`);
} finally {
  await guest?.end();
  network.end();
  if (failed === 0) rmSync(work, { recursive: true });
  else say(`logs are in ${work}`);
}
say(failed === 0 ? 'all scenarios passed' : `${failed} scenarios failed`);
process.exit(failed === 0 ? 0 : 1);
