/** `multihomed watch`: shows uplinks and connections on a screen that refreshes. */
import type { StatusDocument } from '../control/document.ts';
import { NetlinkConnection } from '../netlink/connection.ts';
import { dumpConnectionSockets, dumpSubflowSockets, type ConnectionSocket } from '../netlink/diag.ts';
import { NetlinkError } from '../netlink/error.ts';
import { dumpAddresses } from '../netlink/route/address.ts';
import { dumpLinks } from '../netlink/route/link.ts';
import type { Configuration } from '../rules/rule.ts';
import { NETLINK_SOCK_DIAG } from '../system/addon.ts';
import { systemClock, type Clock } from '../system/clock.ts';
import { isNetAdmin, NEEDS_ROOT } from '../system/privilege.ts';
import { leaveTerminal, terminals } from '../system/terminal.ts';
import { watchDocument } from '../watch/document.ts';
import { frame, type Frame } from '../watch/frame.ts';
import { Sampler, type Sample } from '../watch/sample.ts';
import type { Model } from '../watch/model.ts';
import { styleFor } from '../watch/style.ts';
import { Terminal } from '../watch/terminal.ts';
import { FIRST_VIEW, press, type ScreenView } from '../watch/view.ts';
import { configurationOrExit } from './configuration.ts';
import { EXIT } from './exit.ts';
import { openNamespace, type Namespace } from './namespace.ts';
import { print, printExact } from './print.ts';
import { onReaderGone } from './reader.ts';
import { readStatus } from './read-status.ts';

export interface WatchFlags {
  readonly json?: boolean;
  readonly config?: string;
  /** In seconds. */
  readonly interval: number;
}

export async function watchCommand(flags: WatchFlags): Promise<number> {
  const namespace = await openNamespace();
  const diag = new NetlinkConnection({ protocol: NETLINK_SOCK_DIAG, clock: systemClock });
  try {
    const reader = new Reader(namespace, diag, flags.config);
    // An error at the start is printed as by every other command, and not on the alternate screen.
    await reader.status();
    const { stdout } = process;
    const plain =
      flags.json === true || !stdout.isTTY || ['dumb', '', undefined].includes(process.env['TERM']);
    await (plain ? printFrames : showScreen)(reader, flags);
    return EXIT.done;
  } finally {
    diag.close();
    namespace.kernel.close();
  }
}

async function showScreen(reader: Reader, { interval }: WatchFlags): Promise<void> {
  const style = styleFor(process.stdout, process.env);
  let view: ScreenView = FIRST_VIEW;
  let model: Model | null = null;
  let page: Frame | null = null;
  const fds = terminals();
  await repeat(interval, systemClock, async (end, ended) => {
    const gone = (): void => {
      leaveTerminal(fds);
      end();
    };
    onReaderGone(gone);
    const terminal = new Terminal({
      input: process.stdin,
      output: process.stdout,
      onResize: () => draw(),
      onGone: gone,
      onKey: (key) => {
        const pressed = press(view, key, page ?? { lines: 0, total: 0 });
        if (pressed === 'quit') end();
        else if (pressed === 'suspend') terminal.suspend();
        else if (pressed === 'redraw') terminal.forget();
        else view = pressed;
        draw();
      },
    });
    const draw = (): void => {
      if (!model || ended()) return;
      page = frame(model, view, terminal.size, style);
      terminal.draw(page.text);
    };
    terminal.open();
    return {
      step: async () => {
        model = await reader.model();
        draw();
      },
      close: () => terminal.close(),
    };
  });
}

/** For a pipe, a file or a write-only terminal: prints one frame after the other. */
async function printFrames(reader: Reader, { interval, json }: WatchFlags): Promise<void> {
  const style = styleFor({ isTTY: false }, process.env);
  const columns = process.stdout.columns || Number(process.env['COLUMNS']) || 80;
  await repeat(interval, systemClock, (end) => {
    onReaderGone(end);
    return Promise.resolve({
      step: async () => {
        const model = await reader.model();
        if (json) printExact(JSON.stringify(watchDocument(model, new Date())));
        else print(`${frame(model, FIRST_VIEW, { columns, rows: null }, style).text.join('\n')}\n`);
      },
      close: () => undefined,
    });
  });
}

interface Steps {
  readonly step: () => Promise<void>;
  readonly close: () => void;
}

/** Repeats a step until `end` is called. The pause is at least as long as the step took, so that keys are handled. */
async function repeat(
  interval: number,
  clock: Clock,
  begin: (end: () => void, ended: () => boolean) => Promise<Steps>,
): Promise<void> {
  let done = false;
  let wake = (): void => undefined;
  const end = (): void => {
    done = true;
    wake();
  };
  const steps = await begin(end, () => done);
  try {
    while (!done) {
      const start = clock.now();
      await steps.step();
      const took = clock.now() - start;
      const rest = Math.max(interval * 1000 - took, took);
      await new Promise<void>((resume) => {
        const stop = clock.after(rest, resume);
        wake = () => {
          stop();
          resume();
        };
        if (done) wake();
      });
    }
  } finally {
    steps.close();
  }
}

/** Milliseconds for which a frame waits for a slow daemon; the next frame shows its answer. */
const STATUS_WAIT_MS = 250;

class Reader {
  readonly #namespace: Namespace;
  readonly #diag: NetlinkConnection;
  readonly #config: string | undefined;
  readonly #sampler = new Sampler();
  readonly #names = new Map<string, string>();
  #configuration: Configuration | null = null;
  #status: StatusDocument | null = null;
  #asking: Promise<void> | null = null;
  #problem: string | null = null;

  constructor(namespace: Namespace, diag: NetlinkConnection, config: string | undefined) {
    this.#namespace = namespace;
    this.#diag = diag;
    this.#config = config;
  }

  /** @throws ExitError when no daemon runs and the configuration is not valid */
  async status(): Promise<void> {
    const load = this.#config === undefined ? {} : { config: this.#config };
    const configuration = async (): Promise<Configuration> =>
      (this.#configuration ??= await configurationOrExit(load));
    this.#status = await readStatus(this.#namespace, configuration);
  }

  async model(): Promise<Model> {
    this.#asking ??= this.status()
      .then(() => (this.#problem = null))
      .catch((error: unknown) => {
        this.#problem = `the state of uplinks is old: ${firstLine(error)}`;
      })
      .then(() => {
        this.#asking = null;
      });
    const problems: string[] = [];
    const [sockets] = await Promise.all([this.#sockets(problems), this.#waitForStatus(this.#asking)]);
    if (this.#problem !== null) problems.push(this.#problem);
    const names = await this.#readNames(sockets.subflows).catch((error: unknown) => {
      problems.push(`interfaces could not be read: ${firstLine(error)}`);
      return this.#names;
    });
    return this.#sampler.take({ ...sockets, status: this.#status, names, problems });
  }

  async #sockets(problems: string[]): Promise<Pick<Sample, 'at' | 'subflows' | 'connections'>> {
    try {
      const [subflows, connections] = await Promise.all([
        dumpSubflowSockets(this.#diag),
        dumpConnectionSockets(this.#diag).catch(withoutDiag),
      ]);
      if (subflows.length === 0 && connections.length > 0 && !isNetAdmin())
        problems.push(`${NEEDS_ROOT} to show subflows on this kernel`);
      return { at: systemClock.now(), subflows, connections };
    } catch (error) {
      problems.push(`connections could not be read: ${firstLine(error)}`);
      return { at: systemClock.now(), subflows: [], connections: [] };
    }
  }

  /**
   * Reads the names again for an unknown address. Names of removed addresses are kept, because their subflows close
   * later.
   */
  async #readNames(subflows: Sample['subflows']): Promise<ReadonlyMap<string, string>> {
    if (subflows.every(({ local }) => this.#names.has(local.address))) return this.#names;
    const { route } = this.#namespace.kernel;
    const [links, addresses] = await Promise.all([dumpLinks(route), dumpAddresses(route)]);
    const byIndex = new Map(links.map(({ index, name }) => [index, name]));
    for (const { address, ifindex } of addresses) {
      const name = byIndex.get(ifindex);
      if (name !== undefined) this.#names.set(address, name);
    }
    return this.#names;
  }

  async #waitForStatus(asking: Promise<void>): Promise<void> {
    let stop = (): void => undefined;
    await Promise.race([
      asking,
      new Promise<void>((resume) => (stop = systemClock.after(STATUS_WAIT_MS, resume))),
    ]);
    stop();
  }
}

/** A kernel without mptcp_diag lists only subflows. */
function withoutDiag(error: unknown): ConnectionSocket[] {
  if (error instanceof NetlinkError && error.code === 'ENOENT') return [];
  throw error;
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
