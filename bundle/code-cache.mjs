// Compiles dist/ at installation for the V8 of this Node and writes the code to dist/code-cache: the functions that
// usual commands call, and all functions of the parts that these commands do not load. Prints nothing. A failure is no
// error: without the file the command starts more slowly and is otherwise the same.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const self = fileURLToPath(import.meta.url);
const dist = fileURLToPath(new URL('../dist/', import.meta.url));
/** Milliseconds after which the commands are ended. */
const LIMIT_MS = 60_000;

const CONFIG = 'rules: { "u*": subflow backup, "v*": { flags: [signal], families: [ipv4] } }\n';
/** Commands that do not read the network of the host. `config.yaml` is in their working folder. */
const READING = ['--version', '--help', 'check config.yaml', 'check config.yaml --json'];
/** Commands that are run only inside namespaces. */
const MANAGING = [
  'plan --config config.yaml',
  'run --once --config config.yaml --log null',
  'status --config config.yaml',
  'status --json --config config.yaml',
  'explain u0 --config config.yaml',
  'endpoint show',
  'limits show',
];
const NAMESPACES = ['--user', '--map-root-user', '--net', '--mount'];
const SETUP = `mount -t tmpfs tmpfs /run
ip link add u0 type veth peer name p0
ip address add 192.0.2.2/24 dev u0
ip link set u0 up
ip link set p0 up
ip route add default via 192.0.2.1
exec "$@"`;

if (process.argv[2] === undefined) make();
else await compile([...READING, ...(process.argv[2] === 'all' ? MANAGING : [])], 'code-cache');

function make() {
  let folder;
  try {
    rmSync(join(dist, 'code-cache'), { force: true });
    folder = mkdtempSync(join(tmpdir(), 'multihomed-code-'));
    writeFileSync(join(folder, 'config.yaml'), CONFIG);
    const options = {
      cwd: folder,
      stdio: 'ignore',
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    };
    const inside = ['sh', '-ec', SETUP, 'sh', process.execPath, self, 'all'];
    const { status } = spawnSync('unshare', [...NAMESPACES, ...inside], options);
    // A container or a builder may not permit namespaces.
    if (status !== 0) spawnSync(process.execPath, [self, 'reading'], options);
    const code = readFileSync(join(folder, 'code-cache'));
    writeFileSync(join(dist, 'code-cache.new'), code, { mode: 0o644 });
    renameSync(join(dist, 'code-cache.new'), join(dist, 'code-cache'));
  } catch (error) {
    if (error.code === undefined) throw error;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  }
}

/** Runs the commands, one after the other, and writes the file that bundle/loader.cjs reads. */
async function compile(commands, file) {
  const main = join(dist, 'main.js');
  const { MAIN, PARTS, engine, load, modules, script, scripts } = createRequire(import.meta.url)(main);
  for (const command of commands) {
    process.argv = [process.execPath, main, ...command.split(' ')];
    modules.delete(MAIN);
    await load(MAIN).ended;
  }
  // V8 refuses code that was written under other flags, so the default --lazy is set again before the code is written.
  setFlagsFromString('--no-lazy');
  for (const name of readdirSync(PARTS)) if (name.endsWith('.js')) script(name);
  setFlagsFromString('--lazy');
  const code = [];
  const places = {};
  let offset = 0;
  for (const [name, each] of scripts) {
    const bytes = each.createCachedData();
    places[name] = [offset, bytes.length];
    offset += bytes.length;
    code.push(bytes);
  }
  const index = Buffer.from(JSON.stringify({ engine: engine(), places }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(index.length);
  writeFileSync(file, Buffer.concat([length, index, ...code]));
  process.exit(0);
}
