// Exercises all functions of the addon, also with wrong arguments; sanitize.mjs runs it in a private network namespace.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, Socket as Stream } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const script = fileURLToPath(import.meta.url);
const built = isMainThread ? process.argv[2] : workerData.built;
const addon = createRequire(import.meta.url)(built);
const nothing = () => {};
const short = process.argv[3] === 'short';
/** Returns the number of repetitions. */
const times = (count) => (short ? Math.ceil(count / 10) : count);
const groups = [1, 5]; // RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR

class CallError extends Error {
  constructor(errno, syscall, text, subject) {
    super(`${syscall} ${subject}: ${text}`);
    this.errno = errno;
  }
}

class Socket extends addon.Netlink {
  #sent = 0;
  send(bytes) {
    return new Promise((resolve, reject) => {
      this.transmit(bytes, ++this.#sent % 2 === 0, (error) => (error ? reject(error) : resolve()));
    });
  }
}

function open({ netns, receiveBuffer = 0, onBatch = nothing, onOverrun = nothing } = {}) {
  const socket = new Socket(0, netns, receiveBuffer, onBatch, onOverrun, nothing);
  for (const group of groups) socket.join(group);
  return socket;
}

/** Returns a request for a dump of all links. */
function dump(sequence) {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32LE(32, 0);
  bytes.writeUInt16LE(18, 4);
  bytes.writeUInt16LE(0x301, 6);
  bytes.writeUInt32LE(sequence, 8);
  return bytes;
}

const sendMany = (socket, count) =>
  Promise.allSettled(Array.from({ length: count }, (_, i) => socket.send(dump(i))));

/** Causes events on the loopback device. System tools run without the sanitizer. */
const env = { ...process.env, LD_PRELOAD: '' };
function churn(count) {
  const addresses = Array.from({ length: count }, (_, i) => `10.1.${i >> 8}.${i & 255}/32 dev lo`);
  const input = addresses.flatMap((address) => [`address add ${address}`, `address delete ${address}`]);
  execFileSync('ip', ['-batch', '-'], { env, input: `${input.join('\n')}\n` });
}

/** Waits for a condition. The long limit is reached only if something is wrong. */
async function until(condition) {
  for (const end = Date.now() + 60_000; !condition();) {
    assert.ok(Date.now() < end, String(condition));
    await sleep(5);
  }
}

/** Receives events until the buffer overruns, and again after each overrun. */
async function receiving() {
  let received = 0;
  let overruns = 0;
  const kept = [];
  const socket = open({
    receiveBuffer: 4096,
    onBatch: (bytes, spans) => {
      kept.push(bytes);
      received += spans.length / 2;
    },
    onOverrun: () => overruns++,
  });
  for (let round = 0; round < 5; round++) {
    churn(200);
    await until(() => overruns > round);
    await sleep(20);
  }
  assert.ok(received > 0);
  received = 0;
  churn(1);
  await until(() => received >= 2);
  assert.equal(received, 2);
  socket.close();
  globalThis.gc?.();
  assert.ok(kept.every((bytes) => bytes.length > 0));
}

/** Closes sockets in their callbacks, while sends are pending, and twice. */
async function closing() {
  for (const during of ['onBatch', 'onOverrun']) {
    const socket = open({ receiveBuffer: 4096, [during]: () => socket.close() });
    churn(100);
    await sleep(30);
  }
  for (let i = 0; i < times(100); i++) {
    const socket = open();
    const sent = sendMany(socket, 20);
    if (i % 3 === 0) await sleep(0);
    socket.close();
    if (i % 2 === 0) socket.close();
    socket.ref();
    socket.unref();
    await assert.rejects(socket.send(dump(1)), CallError);
    await sent;
  }
}

/** Sends from the callback of a completed send. */
async function sendingFromSettled() {
  const socket = open();
  let left = 500;
  const again = () => {
    if (left-- > 0) for (let i = 0; i < 2; i++) socket.transmit(dump(1), true, again);
    else socket.close();
    if (left < 0) assert.throws(() => socket.transmit(dump(1), false, nothing), CallError);
  };
  socket.transmit(dump(1), true, again);
  while (left > 0) await sleep(1);
  await sleep(20);
}

async function throwingCallbacks() {
  const caught = [];
  const onUncaught = (error) => caught.push(error);
  process.on('uncaughtException', onUncaught);
  const socket = open({
    onBatch: () => {
      throw new Error('thrown on purpose');
    },
  });
  churn(2);
  await until(() => caught.length > 0);
  await sleep(50);
  process.off('uncaughtException', onUncaught);
  socket.close();
}

async function openingAndClosing() {
  const count = () => readdirSync('/proc/self/fd').length;
  const before = count();
  for (let i = 0; i < times(3000); i++) {
    const socket = open(i % 10 === 0 ? { netns: '/proc/self/ns/net' } : {});
    socket.filter(Uint8Array.of(6, 0, 0, 0, 255, 255, 255, 255));
    socket.leave(1);
    if (i % 4 === 0) void sendMany(socket, 3);
    socket.close();
    if (i % 200 === 0) {
      await sleep(5);
      globalThis.gc?.();
    }
  }
  await until(() => count() === before);
}

async function wrongArguments() {
  const detached = new Uint8Array(64);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const plain = [undefined, null, -1, 0, 1, 1.5, NaN, 2 ** 31, 2 ** 53, 10n, true, false, Symbol('odd')];
  const words = ['', 'lo', '127.0.0.1', '::1%lo', 'nul\0', '@x', 'x'.repeat(300), '/dev/null'];
  const namespaces = ['/proc/self/ns/net', '/proc/self/ns/uts'];
  const objects = [{}, [], nothing, new Proxy({}, {}), Object.create(null), new ArrayBuffer(8), detached];
  const arrays = [0, 64].map((length) => new Uint8Array(length));
  arrays.push(new Uint8Array(new SharedArrayBuffer(64)), new Uint16Array(4));
  const values = [...plain, ...words, ...namespaces, ...objects, ...arrays];
  const socket = open();
  const { Netlink, setErrorClass, ...functions } = addon;
  const calls = [...Object.values(functions), (...rest) => new Netlink(...rest)];
  for (const method of ['join', 'leave', 'filter', 'transmit'])
    calls.push((...rest) => socket[method](...rest));
  let seed = 1;
  const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
  for (let i = 0; i < times(40_000); i++) {
    const rest = Array.from({ length: random(8) }, () => values[random(values.length)]);
    const call = calls[random(calls.length)];
    try {
      const result = call(...rest);
      if (typeof result === 'number') closeSync(result);
      else result?.close?.();
    } catch (error) {
      assert.ok(error instanceof TypeError || error instanceof CallError, String(error));
    }
  }
  for (const receiver of [{}, undefined, Object.create(socket), functions]) {
    for (const method of ['join', 'transmit', 'close', 'ref'])
      assert.throws(() => socket[method].call(receiver, 1));
    assert.throws(() => Reflect.get(Netlink.prototype, 'portId', receiver ?? {}));
  }
  assert.throws(() => Netlink(0));
  setErrorClass(() => {});
  assert.throws(() => socket.join(4000));
  setErrorClass(
    class {
      constructor() {
        throw new RangeError('of the class itself');
      }
    },
  );
  assert.throws(() => socket.join(4000), RangeError);
  setErrorClass(CallError);
  socket.close();
  await sleep(50);
  const lock = openSync(script, 'r');
  assert.equal(addon.flock(lock), true);
  assert.throws(() => addon.asFileUser(0, 0, 0), TypeError);
  const thrower = () => {
    throw new RangeError('thrown on purpose');
  };
  // Only root over other users may change its groups.
  assert.throws(() => addon.asFileUser(0, 0, thrower), process.geteuid() === 0 ? RangeError : CallError);
  closeSync(lock);
}

/** Passes arrays that change, throw or are huge while they are read. */
function hostileArrays() {
  const growing = ['/bin/true'];
  const shrinking = Array.from({ length: 100 }, () => 'x');
  const throwing = ['x'];
  const define = (array, at, get) => Object.defineProperty(array, at, { get });
  define(growing, 1, () => {
    for (let i = 0; i < 300; i++) growing.push('y'.repeat(50));
    growing.push(0);
    return 'x';
  });
  define(shrinking, 1, () => {
    shrinking.length = 2;
    return 7;
  });
  define(throwing, 1, () => {
    throw new RangeError('thrown on purpose');
  });
  return [growing, shrinking, throwing, Object.assign([], { length: 2 ** 32 - 1 }), [['x']], ['a\0b']];
}

/** Sockets and files other than netlink: creates, queries, watches and reads them. */
async function otherSockets() {
  const count = () => readdirSync('/proc/self/fd').length;
  const before = count();
  const server = createServer((client) => client.resume());
  server.listen('\0multihomed-exercise');
  await once(server, 'listening');
  for (let i = 0; i < 100; i++) {
    const client = new Stream().connect('\0multihomed-exercise');
    await once(client, 'connect');
    assert.equal(addon.peerCredentials(client._handle.fd).pid, process.pid);
    client.destroy();
    await once(client, 'close');
  }
  server.close();
  await once(server, 'close');
  assert.throws(() => addon.sendDatagram('@multihomed-nobody', Buffer.from('READY=1')), CallError);
  assert.throws(() => addon.sendDatagram(`/tmp/${'x'.repeat(200)}`, Buffer.from('')), CallError);
  for (const [ipv6, address] of [
    [false, '127.0.0.1'],
    [true, '::1'],
    [true, '::1%lo'],
    [false, undefined],
  ]) {
    for (const backlog of [-1, 5])
      closeSync(addon.streamSocket(ipv6, false, '/proc/self/ns/net', 'lo', address, 0, backlog));
  }
  for (const [ipv6, address] of [
    [false, '127.0.0.1'],
    [true, '::1'],
  ]) {
    try {
      for (const protocol of [17, ipv6 ? 58 : 1])
        closeSync(addon.datagramSocket(ipv6, protocol, '/proc/self/ns/net', 'lo', address));
    } catch (error) {
      // net.ipv4.ping_group_range has no group in a new namespace.
      assert.equal(error.errno, 13);
    }
  }
  for (const path of ['/proc/thread-self/net/dev', '/proc/sys/net/ipv4/ip_forward'])
    assert.ok(addon.readInNamespace(path, '/proc/self/ns/net').length > 0);
  // Some readers end while they are watched, and one callback throws. The watchers own duplicated descriptors.
  const caught = [];
  const onUncaught = (error) => caught.push(error);
  process.on('uncaughtException', onUncaught);
  let gone = 0;
  for (let i = 0; i < 50; i++) {
    const reader = spawn('cat', [], { env, stdio: ['pipe', 'ignore', 'ignore'] });
    assert.ok(
      addon.onHangUp(reader.stdin._handle.fd, () => {
        gone++;
        if (i === 0) throw new Error('thrown on purpose');
      }),
    );
    const ended = once(reader, 'exit');
    reader.kill();
    await ended;
  }
  await until(() => gone === 50);
  process.off('uncaughtException', onUncaught);
  assert.equal(caught.length, 1);
  globalThis.gc?.();
  // A leak of one descriptor per round would leave more than fifty.
  await until(() => count() < before + 10);
}

/** Replaces a process by another program, successfully and not. */
function executing() {
  const { stdout } = spawnSync(process.execPath, [script, built, 'execute'], { encoding: 'utf8' });
  assert.equal(stdout, 'executed\n');
}

/** Child processes: executed, refused, ended and reaped. */
async function children() {
  const shell = openSync('/bin/sh', 'r');
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  for (let i = 0; i < 20; i++) {
    const child = addon.spawnGroup(shell, ['-c', i % 2 === 0 ? 'exit 3' : 'kill -9 $$'], variables, -1, -1);
    await until(() => addon.exitOf(child.pid) !== null);
    assert.deepEqual(
      addon.exitOf(child.pid),
      i % 2 === 0 ? { status: 3, signal: null } : { status: null, signal: 9 },
    );
    addon.reap(child.pid);
    assert.throws(() => addon.exitOf(child.pid), CallError);
    assert.throws(() => addon.reap(child.pid), CallError);
    closeSync(child.stdout);
    closeSync(child.stderr);
  }
  if (process.getuid() === 0) {
    const { pid, stdout, stderr } = addon.spawnGroup(shell, ['-c', 'id -u'], variables, 65533, 65533);
    await until(() => addon.exitOf(pid) !== null);
    assert.deepEqual(addon.exitOf(pid), { status: 0, signal: null });
    addon.reap(pid);
    for (const fd of [stdout, stderr]) closeSync(fd);
  }
  const before = readdirSync('/proc/self/fd').length;
  // E2BIG: the child reports it through its pipe.
  for (let i = 0; i < 20; i++)
    assert.throws(() => addon.spawnGroup(shell, ['x'.repeat(200_000)], variables, -1, -1), CallError);
  for (const hostile of hostileArrays()) {
    for (const call of [
      () => addon.spawnGroup(shell, hostile, variables, -1, -1),
      () => addon.spawnGroup(shell, [], hostile, -1, -1),
      () => addon.executeInNamespace('/proc/self/ns/net', hostile),
    ])
      assert.throws(call, (error) => error instanceof TypeError || error instanceof RangeError);
  }
  assert.equal(readdirSync('/proc/self/fd').length, before);
  const folder = openSync('/', 'r');
  for (const fd of [folder, 9999]) assert.throws(() => addon.spawnGroup(fd, [], [], -1, -1), CallError);
  assert.throws(() => addon.spawnGroup(shell, ['\0'], [], -1, -1), TypeError);
  assert.throws(() => addon.spawnGroup(shell, [], [], 0, -1), TypeError);
  closeSync(folder);
  closeSync(shell);
}

/** Ends environments with open sockets, pending sends and arriving events. */
async function workers() {
  const noise = spawn('sh', ['-c', 'while :; do ip link set lo mtu 60000; ip link set lo mtu 65536; done'], {
    env,
  });
  for (let i = 0; i < times(40); i++) {
    const ending = ['return', 'exit', 'terminate', 'throw'][i % 4];
    const worker = new Worker(script, { workerData: { built, ending } });
    const ended = new Promise((resolve) => worker.on('exit', resolve));
    worker.on('error', nothing);
    if (ending === 'terminate') {
      await once(worker, 'message');
      await sleep(i);
      await worker.terminate();
    }
    await ended;
  }
  const ended = once(noise, 'close');
  noise.kill();
  await ended;
}

/** Runs in a worker. `ending`: how its environment ends. */
async function work(ending) {
  const { parentPort } = await import('node:worker_threads');
  const sockets = Array.from({ length: 5 }, () => open());
  for (const socket of sockets) void sendMany(socket, 50);
  parentPort?.postMessage('open');
  sockets[0].close();
  // This watcher's reader still exists when its environment ends.
  addon.onHangUp(1, nothing);
  if (ending !== 'terminate') for (const socket of sockets) socket.unref();
  if (ending === 'exit') process.exit(0);
  if (ending === 'throw') throw new Error('thrown on purpose');
}

addon.setErrorClass(CallError);
if (process.argv[3] === 'execute') {
  assert.throws(() => addon.executeInNamespace('/proc/self/ns/net', ['/nonexistent']), CallError);
  addon.executeInNamespace('/proc/self/ns/net', ['/bin/echo', 'executed']);
} else if (isMainThread) {
  execFileSync('ip', ['link', 'set', 'lo', 'up'], { env });
  /** @type {readonly (() => void | Promise<void>)[]} */
  const parts = [
    receiving,
    closing,
    sendingFromSettled,
    throwingCallbacks,
    openingAndClosing,
    wrongArguments,
    children,
    otherSockets,
    executing,
    workers,
  ];
  for (const part of parts) {
    await part();
    console.log(`exercised: ${part.name}`);
  }
  console.log('exercised: all');
  // The process ends while this socket is open and its sends are pending.
  const last = open();
  void sendMany(last, 10);
  last.unref();
} else {
  await work(workerData.ending);
}
