/** The virtual machine: QEMU, its monitor, and the agent in the guest. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds: nothing takes as long unless something is wrong, even without KVM on a busy machine. */
const LIMIT_MS = 600_000;

export class Guest {
  #qemu;
  #monitor;
  #agent;
  #ended;
  #text = '';
  #said = '';
  #plugged = new Set();
  #answers = new Map();
  #asked = 0;

  /** Starts the machine with a virtio card on `tap`, and waits for its agent. `accel`: QEMU's word, tcg or kvm. */
  static async boot({ linux, initrd, disk }, { accel, tap, work }) {
    const guest = new Guest();
    const [monitor, agent] = ['monitor', 'agent'].map((name) => join(work, name));
    // QEMU connects to these sockets, so it finds them in any case.
    const connected = Promise.all([connection(monitor), connection(agent)]);
    const args = [
      ...['-machine', `q35,accel=${accel}`, '-cpu', 'max', '-smp', '2', '-m', '1024', '-display', 'none'],
      ...['-nodefaults', '-no-user-config', '-kernel', linux, '-initrd', initrd],
      ...['-append', 'root=/dev/vda rw console=ttyS0 systemd.show_status=0 net.ifnames=1 quiet'],
      ...['-drive', `file=${disk},format=raw,if=virtio,cache=unsafe`],
      ...['-serial', `file:${join(work, 'console.log')}`],
      ...['-monitor', `unix:${monitor}`],
      ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=agent,path=${agent}`],
      ...['-device', 'virtserialport,chardev=agent,name=agent'],
      ...['-device', 'virtio-rng-pci', '-device', 'qemu-xhci,id=usb'],
      ...['-netdev', `tap,id=n0,ifname=${tap},script=no,downscript=no`],
      ...['-device', 'virtio-net-pci,id=c0,netdev=n0,mac=52:54:00:00:00:80'],
    ];
    guest.#qemu = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const log = createWriteStream(join(work, 'qemu.log'));
    guest.#qemu.stdout.pipe(log, { end: false });
    guest.#qemu.stderr.pipe(log, { end: false });
    guest.#ended = new Promise((resolve) => guest.#qemu.once('exit', resolve));
    const ended = guest.#ended.then(() => Promise.reject(new Error('QEMU has ended; see qemu.log')));
    [guest.#monitor, guest.#agent] = await Promise.race([connected, ended]);
    guest.#monitor.setEncoding('latin1').on('data', (text) => (guest.#said += text));
    guest.#agent.setEncoding('latin1').on('data', (text) => guest.#receive(text));
    await Promise.race([guest.awake(), ended]);
    return guest;
  }

  /** Waits until the agent of another boot than `last` answers. @returns the boot's id */
  async awake(last = '') {
    let boot = last;
    const asking = setInterval(() => {
      void this.#ask('cat /proc/sys/kernel/random/boot_id').then(({ output }) => (boot = output.trim()));
    }, 3000);
    await until('the agent', () => boot !== last).finally(() => clearInterval(asking));
    return boot;
  }

  #receive(text) {
    const lines = (this.#text + text).split('\n');
    this.#text = lines.pop();
    for (const line of lines) {
      const [, number, status, output] = /answer (\d+) (\d+) (\S*)/.exec(line) ?? [];
      this.#answers.get(Number(number))?.({
        output: Buffer.from(output, 'base64').toString(),
        status: Number(status),
      });
      this.#answers.delete(Number(number));
    }
  }

  #ask(script) {
    return new Promise((resolve) => {
      this.#answers.set(++this.#asked, resolve);
      this.#agent.write(`${this.#asked} ${Buffer.from(script).toString('base64')}\n`);
    });
  }

  /** Runs shell commands in the guest. @returns what they print @throws where they fail */
  async sh(script, { fails = false } = {}) {
    const overdue = sleep(LIMIT_MS, null, { ref: false }).then(() => {
      throw new Error(`${script}: no answer within ${LIMIT_MS / 1000} s`);
    });
    const { output, status } = await Promise.race([this.#ask(script), overdue]);
    if (status !== 0 && !fails) throw new Error(`${script}: status ${status}: ${output}`);
    return output.trim();
  }

  /** Asks again after `pause` milliseconds until the answer satisfies `isIt`. @returns seconds */
  async waitFor(what, script, isIt, pause = 500) {
    const began = performance.now();
    let last = '';
    await until(
      what,
      async () => isIt((last = await this.sh(script, { fails: true }))),
      () => last,
      pause,
    );
    return (performance.now() - began) / 1000;
  }

  monitor(command) {
    this.#monitor.write(`${command}\n`);
  }

  /** Plugs a USB network adapter in. The guest binds cdc_ether, or another driver for its other configurations. */
  plug(id, tap, mac) {
    this.#plugged.add(id);
    this.monitor(`netdev_add tap,id=n-${id},ifname=${tap},script=no,downscript=no`);
    this.monitor(`device_add usb-net,id=${id},netdev=n-${id},mac=${mac},bus=usb.0`);
  }

  async pull(id) {
    this.#plugged.delete(id);
    this.monitor(`device_del ${id}`);
    await sleep(500);
    this.monitor(`netdev_del n-${id}`);
  }

  /** Pulls all adapters, and plugs the cable in, as before each scenario. */
  async restore() {
    for (const id of [...this.#plugged]) await this.pull(id);
    this.cable(true);
  }

  /** Waits until the machine is suspended. */
  async suspended() {
    this.#said = '';
    await until('the machine is suspended', () => {
      this.monitor('info status');
      return this.#said.includes('(suspended)');
    });
  }

  /** Pulls the cable of the virtio card, or puts it back. */
  cable(isIn) {
    this.monitor(`set_link c0 ${isIn ? 'on' : 'off'}`);
  }

  async end() {
    this.#monitor.write('quit\n');
    await this.#ended;
    this.#agent.destroy();
    this.#monitor.destroy();
  }
}

/** Listens on a unix socket. @returns the first connection */
async function connection(path) {
  const server = createServer();
  await once(server.listen(path), 'listening');
  const [socket] = await once(server, 'connection');
  server.close();
  return socket;
}

/** @throws after LIMIT_MS, with what was seen last */
export async function until(what, isSo, seen = () => '', pause = 500) {
  const end = performance.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${LIMIT_MS / 1000} s; last: ${seen()}`);
    await sleep(pause);
  }
}
