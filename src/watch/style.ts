/** What a frame is drawn with: colours and glyphs, as far as the reader's terminal has them. */
import { ASCII, painter, UNICODE, type Glyphs, type Painter } from './text.ts';

export interface Style {
  readonly colour: boolean;
  readonly glyphs: Glyphs;
  readonly paint: Painter;
}

export const styleWith = (colour: boolean, unicode: boolean): Style => ({
  colour,
  glyphs: unicode ? UNICODE : ASCII,
  paint: painter(colour),
});

/** Colour only on a terminal and never with NO_COLOR (no-color.org). */
export function styleFor(terminal: boolean, environment: NodeJS.ProcessEnv): Style {
  const dumb = environment['TERM'] === 'dumb';
  return styleWith(terminal && !dumb && !environment['NO_COLOR'], hasUnicode(environment));
}

/** locale(7). Without any locale most terminals of today still show it; the kernel's own console does not. */
function hasUnicode({ LC_ALL, LC_CTYPE, LANG, TERM }: NodeJS.ProcessEnv): boolean {
  if (TERM === 'linux' || TERM === 'dumb') return false;
  const locale = LC_ALL || LC_CTYPE || LANG;
  return !locale || /utf-?8/i.test(locale);
}
