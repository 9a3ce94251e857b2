/** Chooses the colours and glyphs that the user's terminal supports. */
import pc from 'picocolors';
import { hasColour, hasUnicode, type Output } from '../watch/style.ts';

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

export function styleFor(output: Output, environment: NodeJS.ProcessEnv): OutputStyle {
  const unicode = hasUnicode(environment);
  return {
    colours: pc.createColors(hasColour(output, environment)),
    levels: (unicode ? '▁▂▃▄▅▆▇█' : '_.-:=+*#').split(''),
    bar: unicode ? '█' : '#',
    wires: unicode
      ? { horizontal: '─', fork: '┬', join: '┬', corner: '└', end: '┘' }
      : { horizontal: '-', fork: '+', join: '+', corner: '+', end: '+' },
    star: unicode ? '★' : '*',
    ellipsis: unicode ? '…' : '~',
  };
}

export const duration = (milliseconds: number): string =>
  milliseconds < 100
    ? `${milliseconds.toFixed(1)} ms`
    : milliseconds < 1000
      ? `${Math.round(milliseconds)} ms`
      : `${(milliseconds / 1000).toFixed(2)} s`;

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

export const time = (at: number): string => `${(at / 1000).toFixed(2).padStart(6)} s`;
