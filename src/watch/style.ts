/** Chooses the colours and glyphs that the user's terminal supports. */
import { ASCII, painter, UNICODE, type Glyphs, type Painter } from './text.ts';

export interface ScreenStyle {
  readonly colour: boolean;
  readonly glyphs: Glyphs;
  readonly paint: Painter;
}

export interface TerminalFeatures {
  readonly colour: boolean;
  readonly unicode: boolean;
}

export const styleWith = ({ colour, unicode }: TerminalFeatures): ScreenStyle => ({
  colour,
  glyphs: unicode ? UNICODE : ASCII,
  paint: painter({ colour }),
});

/** Standard output, or a text that is printed to it without colours. */
export type Output = Pick<NodeJS.WriteStream, 'isTTY'>;

export const styleFor = (output: Output, environment: NodeJS.ProcessEnv): ScreenStyle =>
  styleWith({ colour: hasColour(output, environment), unicode: hasUnicode(environment) });

/** Uses colour only on a terminal and never with NO_COLOR (no-color.org). */
export const hasColour = ({ isTTY }: Output, { NO_COLOR, TERM }: NodeJS.ProcessEnv): boolean =>
  isTTY && TERM !== 'dumb' && !NO_COLOR;

/** Follows locale(7). Without a locale most terminals still show Unicode; the kernel's console does not. */
export function hasUnicode({ LC_ALL, LC_CTYPE, LANG, TERM }: NodeJS.ProcessEnv): boolean {
  if (TERM === 'linux' || TERM === 'dumb') return false;
  const locale = LC_ALL || LC_CTYPE || LANG;
  return !locale || /utf-?8/i.test(locale);
}
