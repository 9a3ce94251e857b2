/** Chooses the colours and glyphs that the user's terminal supports. */
import { ASCII, painter, UNICODE, type Glyphs, type Painter } from './text.ts';

export interface ScreenStyle {
  readonly colour: boolean;
  readonly glyphs: Glyphs;
  readonly paint: Painter;
}

export const styleWith = (colour: boolean, unicode: boolean): ScreenStyle => ({
  colour,
  glyphs: unicode ? UNICODE : ASCII,
  paint: painter(colour),
});

/** Uses colour only on a terminal and never with NO_COLOR (no-color.org). */
export function styleFor(terminal: boolean, environment: NodeJS.ProcessEnv): ScreenStyle {
  const dumb = environment['TERM'] === 'dumb';
  return styleWith(terminal && !dumb && !environment['NO_COLOR'], hasUnicode(environment));
}

/** Follows locale(7). Without a locale most terminals still show Unicode; the kernel's console does not. */
function hasUnicode({ LC_ALL, LC_CTYPE, LANG, TERM }: NodeJS.ProcessEnv): boolean {
  if (TERM === 'linux' || TERM === 'dumb') return false;
  const locale = LC_ALL || LC_CTYPE || LANG;
  return !locale || /utf-?8/i.test(locale);
}
