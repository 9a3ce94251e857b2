/** Two links with the same address: no policy rule takes packets from the link that had it first. */
import { describe, expect } from 'vitest';
import { test, type Lab } from '../support/lab.ts';
import { RogueNetwork } from '../support/rogue.ts';
import { stays } from '../support/stays.ts';
import { OUTSIDE, serve, Talk } from '../support/talk.ts';

interface Ending {
  end?(): void;
  kill?(signal: 'SIGKILL'): unknown;
}

/** The lab's cable is the honest network; `rogue` adds a network that gives the host the same address again. */
class Scene {
  readonly #endings: Ending[] = [];
  readonly lab: Lab;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  keep<T extends Ending>(ending: T): T {
    this.#endings.push(ending);
    return ending;
  }

  async rogue(device: string, address: string): Promise<RogueNetwork> {
    const rogue = this.keep(new RogueNetwork(this.lab.host, device, address));
    this.keep(await serve(rogue.netns, 'rogue'));
    return rogue;
  }

  async talk(source: string, address = OUTSIDE): Promise<Talk> {
    return this.keep(await Talk.open(this.lab.host, source, address));
  }

  end(): void {
    for (const ending of this.#endings.reverse()) {
      ending.end?.();
      ending.kill?.('SIGKILL');
    }
  }
}

const scenes = test.extend<{ scene: Scene }>({
  scene: async ({ lab }, use) => {
    const scene = new Scene(lab);
    scene.keep(await serve(lab.provider, 'honest'));
    try {
      await use(scene);
    } finally {
      scene.end();
    }
  },
});

const RULES = { 'eth*': 'subflow', 'wl*': 'subflow' };
const HONEST = 'honest honest honest';

/** Returns the state of the address's uplink on each link. */
async function states(daemon: Awaited<ReturnType<Lab['daemon']>>, address: string) {
  const uplinks = (await daemon.status())?.uplinks.filter((each) => each.address === address) ?? [];
  return Object.fromEntries(uplinks.map((each) => [each.interface, each.state]));
}

describe.each([
  ['a cable of metric 100, the DHCP server on Wi-Fi', 'eth0', 100, 'wlan0', 700],
  ['Wi-Fi of metric 700, the DHCP server on the cable', 'wlan0', 700, 'eth0', 100],
] as const)('an address that a second DHCP server assigns: %s', (_, first, metric, second, other) => {
  scenes('while connections are open: all of them continue', { timeout: 60_000 }, async ({ scene, lab }) => {
    const link = lab.cable(first, 5).connect(4, metric);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${link.address()} ${first} subflow`]);
    const [rules, routes] = [lab.host.ruleTexts(), lab.host.routeTexts()];
    const talk = await scene.talk(link.address());
    const connections = await lab.connections();
    const connection = await connections.open(link.address());
    expect(await talk.ask()).toBe(HONEST);
    const rogue = await scene.rogue(second, link.address());
    await rogue.lease(lab.folder, other);
    await expect
      .poll(() => states(daemon, link.address()))
      .toEqual({ [first]: 'active', [second]: 'conflict' });
    expect(await talk.ask()).toBe(HONEST);
    await connection.echo('on');
    expect(connections.subflows()).toEqual([link.address()]);
    expect([lab.host.ruleTexts(), lab.host.routeTexts()]).toEqual([rules, routes]);
    expect(lab.host.endpointTexts()).toEqual([`${link.address()} ${first} subflow`]);
    // Another daemon comes to the same result.
    await daemon.stop();
    const next = await lab.daemon(RULES);
    await expect
      .poll(() => states(next, link.address()))
      .toEqual({ [first]: 'active', [second]: 'conflict' });
    expect(await talk.ask()).toBe(HONEST);
  });

  scenes('before the first: it keeps the address while it is up', async ({ scene, lab }) => {
    const link = lab.cable(first, 5);
    const rogue = await scene.rogue(second, link.address());
    await rogue.lease(lab.folder, other);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => states(daemon, link.address())).toEqual({ [second]: 'active' });
    link.connect(4, metric);
    await expect
      .poll(() => states(daemon, link.address()))
      .toEqual({ [first]: 'conflict', [second]: 'active' });
    lab.host.ip(`link set ${second} down`);
    await expect.poll(async () => (await states(daemon, link.address()))[first]).toBe('active');
    expect(await (await scene.talk(link.address())).ask()).toBe(HONEST);
  });
});

scenes('an address on two links at start: the better route metric wins', async ({ scene, lab }) => {
  const eth = lab.cable('eth0', 5);
  const rogue = await scene.rogue('wlan0', eth.address());
  await rogue.lease(lab.folder, 700);
  eth.connect(4, 100);
  const talk = await scene.talk(eth.address());
  expect(await talk.ask()).toBe(HONEST);
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => states(daemon, eth.address())).toEqual({ eth0: 'active', wlan0: 'conflict' });
  expect(await talk.ask()).toBe(HONEST);
});

describe('the inner address of a VPN that a DHCP server assigns', () => {
  const [inner, behind] = ['10.8.0.2', '10.9.0.9'];

  /** Adds a VPN to its own subnet and one more network; a server there answers `vpn`. */
  async function vpn(scene: Scene, { host, provider }: Lab, metric = 0): Promise<void> {
    host.ip(`link add vpn0 type veth peer name far0 netns ${provider.name}`);
    provider.ip('address add 10.8.0.1/24 dev far0');
    provider.ip(`address add ${behind}/32 dev lo`);
    provider.ip('link set far0 up');
    host.ip('link set vpn0 up');
    host.ip(`address add ${inner}/24 dev vpn0 metric ${metric}`);
    host.ip(`route add 10.9.0.0/16 dev vpn0 src ${inner}`);
    scene.keep(await serve(provider, 'vpn', behind));
    scene.keep(await serve(provider, 'vpn', '10.8.0.1'));
  }

  scenes('after the VPN: nothing is added; it takes over when the VPN is gone', async ({ scene, lab }) => {
    const eth = lab.cable('eth0').connect();
    await vpn(scene, lab);
    const daemon = await lab.daemon({ ...RULES, 'vpn*': 'ignore' });
    const talks = [await scene.talk(inner, behind), await scene.talk(inner, '10.8.0.1')];
    const rogue = await scene.rogue('wlan0', inner);
    scene.keep(await serve(rogue.netns, 'rogue', '10.8.0.1'));
    await rogue.lease(lab.folder, 700);
    await expect
      .poll(() => daemon.stateOf(inner))
      .toBe('conflict: vpn0 has the same address; a policy rule for it could take packets from vpn0');
    expect(await stays(() => lab.host.ruleTexts().filter((words) => words.includes(inner)))).toEqual([]);
    expect(lab.host.endpointTexts()).toEqual([`${eth.address()} eth0 subflow`]);
    for (const talk of talks) expect(await talk.ask()).toBe('vpn vpn vpn');
    lab.host.ip('link delete vpn0');
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${eth.address()} eth0 subflow`, `${inner} wlan0 subflow`]);
  });

  scenes('before the VPN: packets into the VPN go there as without the daemon', async ({ scene, lab }) => {
    lab.cable('eth0').connect();
    const rogue = await scene.rogue('wlan0', inner);
    await rogue.lease(lab.folder, 700);
    // NetworkManager gives the routes of subnets the metric of their link.
    lab.host.ip('route delete 10.8.0.0/24 dev wlan0');
    lab.host.ip('route add 10.8.0.0/24 dev wlan0 metric 700');
    scene.keep(await serve(rogue.netns, 'rogue', '10.8.0.1'));
    const daemon = await lab.daemon({ ...RULES, 'vpn*': 'ignore' });
    await expect.poll(() => daemon.stateOf(inner)).toMatch(/^active/);
    await vpn(scene, lab, 50);
    const talks = [await scene.talk(inner, behind), await scene.talk(inner, '10.8.0.1')];
    for (const talk of talks) expect(await talk.ask()).toBe('vpn vpn vpn');
    await daemon.reload();
    for (const talk of talks) expect(await talk.ask()).toBe('vpn vpn vpn');
  });
});

test.for(['lo', 'br0', 'eth9'] as const)(
  'an address of %s: nothing is added for another link',
  async (device, { lab }) => {
    const eth = lab.cable('eth0', 5);
    if (device === 'br0') lab.host.ip('link add br0 type bridge');
    if (device === 'eth9') lab.cable('eth9', 9);
    lab.host.ip(`link set ${device} up`);
    lab.host.ip(`address add ${eth.address()}/32 dev ${device}`);
    eth.connect();
    const daemon = await lab.daemon({ eth0: 'subflow' });
    const before = lab.host.state();
    await expect
      .poll(() => daemon.stateOf(eth.address()))
      .toMatch(`conflict: ${device} has the same address`);
    expect(await stays(() => lab.host.state())).toEqual(before);
    expect([lab.host.endpoints(), lab.host.rules()]).toEqual([[], []]);
    const { stdout } = await daemon.command('explain', 'eth0');
    expect(stdout).not.toMatch(/delete/);
    lab.host.ip(`address delete ${eth.address()}/32 dev ${device}`);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address()} eth0 subflow`]);
  },
);

test('two identical modems: the second takes over when the first is gone, and keeps the address', async ({
  lab,
}) => {
  const [one, two] = [lab.cable('wwan0', 5), lab.cable('wwan1', 5)];
  one.connect(4, 700);
  two.connect(4, 701);
  const daemon = await lab.daemon({ 'wwan*': 'subflow' });
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${one.address()} wwan0 subflow`]);
  expect(lab.host.leaves(OUTSIDE, one.address())).toBe(`wwan0 via ${one.gateway()}`);
  one.unplug();
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${one.address()} wwan1 subflow`]);
  expect(lab.host.leaves(OUTSIDE, one.address())).toBe(`wwan1 via ${one.gateway()}`);
  one.plugIn();
  await expect.poll(() => states(daemon, one.address())).toEqual({ wwan0: 'conflict', wwan1: 'active' });
  expect(await stays(() => lab.host.endpointTexts())).toEqual([`${one.address()} wwan1 subflow`]);
  lab.host.ip('link delete wwan1');
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${one.address()} wwan0 subflow`]);
});
