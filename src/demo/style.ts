/** Chooses the colours and glyphs that the user's terminal supports. */
import pc from 'picocolors';

export interface OutputStyle {
  readonly colours: ReturnType<typeof pc.createColors>;
  /** From empty to full. */
  readonly levels: readonly string[];
  readonly bar: string;
  readonly wires: {
    readonly horizontal: string;
    readonly fork: string;
    readonly join: string;
    readonly corner: string;
    readonly end: string;
  };
  readonly star: string;
  readonly ellipsis: string;
}

/** Uses colour only on a terminal and never with NO_COLOR (no-color.org). */
export function styleFor(terminal: boolean, environment: NodeJS.ProcessEnv): OutputStyle {
  const unicode = hasUnicode(environment);
  return {
    colours: pc.createColors(terminal && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb'),
    levels: (unicode ? '▁▂▃▄▅▆▇█' : '_.-:=+*#').split(''),
    bar: unicode ? '█' : '#',
    wires: unicode
      ? { horizontal: '─', fork: '┬', join: '┬', corner: '└', end: '┘' }
      : { horizontal: '-', fork: '+', join: '+', corner: '+', end: '+' },
    star: unicode ? '★' : '*',
    ellipsis: unicode ? '…' : '~',
  };
}

/** Without a locale most terminals still show Unicode; the kernel's console does not. */
function hasUnicode({ LC_ALL, LC_CTYPE, LANG, TERM }: NodeJS.ProcessEnv): boolean {
  if (TERM === 'linux' || TERM === 'dumb') return false;
  const locale = LC_ALL || LC_CTYPE || LANG;
  return !locale || /utf-?8/i.test(locale);
}

export const duration = (milliseconds: number): string =>
  milliseconds < 100
    ? `${milliseconds.toFixed(1)} ms`
    : milliseconds < 1000
      ? `${Math.round(milliseconds)} ms`
      : `${(milliseconds / 1000).toFixed(2)} s`;

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

export const time = (at: number): string => `${(at / 1000).toFixed(2).padStart(6)} s`;
