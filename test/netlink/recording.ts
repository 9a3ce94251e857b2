/**
 * Messages of a real kernel as text: `= NAME` begins a case, `> HEX` was sent and `< HEX` received, each with its
 * header. The file name has the kernel's version.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Message } from '../../src/netlink/message.ts';
import { bytesOf } from './wire.ts';

export interface Exchange {
  readonly sent: Buffer;
  readonly received: readonly Buffer[];
}

const folder = fileURLToPath(new URL('recordings/', import.meta.url));

export const recordings = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.txt'));

export function readRecording(name: string): Map<string, Exchange[]> {
  const cases = new Map<string, { sent: Buffer; received: Buffer[] }[]>();
  let exchanges: { sent: Buffer; received: Buffer[] }[] = [];
  for (const line of readFileSync(folder + name, 'utf8').split('\n')) {
    const rest = line.slice(2);
    if (line.startsWith('= ')) cases.set(rest, (exchanges = []));
    else if (line.startsWith('> ')) exchanges.push({ sent: Buffer.from(rest, 'hex'), received: [] });
    else if (line.startsWith('< ')) {
      if (exchanges.length === 0) exchanges.push({ sent: Buffer.alloc(0), received: [] });
      exchanges.at(-1)!.received.push(Buffer.from(rest, 'hex'));
    }
  }
  return cases;
}

/** Every received message of every recording, for tests that need real messages. */
export function everyMessage(): Buffer[] {
  return recordings().flatMap((name) =>
    [...readRecording(name).values()]
      .flat()
      .flatMap(({ sent, received }) => (sent.length ? [sent, ...received] : received)),
  );
}

export class Recorder {
  readonly #lines: string[] = [];

  begin(name: string): void {
    this.#lines.push(`= ${name}`);
  }

  readonly trace = (direction: 'sent' | 'received', message: Message): void => {
    this.#lines.push(`${direction === 'sent' ? '>' : '<'} ${bytesOf(message).toString('hex')}`);
  };

  write(name: string): void {
    writeFileSync(folder + name, `${this.#lines.join('\n')}\n`);
  }
}
