/** The user's choices in `watch`, and how each key changes them. */
import type { Key } from './keyboard.ts';
import { nextSort, type Sort } from './order.ts';

export interface ScreenView {
  readonly sort: Sort;
  readonly filter: string;
  /** The filter is being typed, so keys are added to it. */
  readonly typing: boolean;
  readonly help: boolean;
  /** Number of list lines above the first visible one. */
  readonly offset: number;
}

export const FIRST_VIEW: ScreenView = { sort: 'rate', filter: '', typing: false, help: false, offset: 0 };

/** The list in the current frame: its visible lines, and its lines in total. */
export interface Page {
  readonly lines: number;
  readonly total: number;
}

export type Pressed = ScreenView | 'quit' | 'suspend' | 'redraw';

export const clampOffset = (offset: number, { lines, total }: Page): number =>
  Math.max(0, Math.min(offset, total - lines));

const MAX_FILTER_LENGTH = 60;

export function press(view: ScreenView, key: Key, page: Page): Pressed {
  if ('name' in key) {
    if (key.name === 'interrupt') return 'quit';
    if (key.name === 'suspend' || key.name === 'redraw') return key.name;
  }
  if (view.typing) return type(view, key);
  if ('character' in key) return command(view, key.character, page);
  const by = (lines: number): ScreenView => ({ ...view, offset: clampOffset(view.offset + lines, page) });
  const step = Math.max(1, page.lines - 1);
  switch (key.name) {
    case 'up':
      return by(-1);
    case 'down':
      return by(1);
    case 'page-up':
      return by(-step);
    case 'page-down':
      return by(step);
    case 'home':
      return by(-page.total);
    case 'end':
      return by(page.total);
    case 'escape':
      return view.help ? { ...view, help: false } : { ...view, filter: '', offset: 0 };
    default:
      return view.help ? { ...view, help: false } : view;
  }
}

function command(view: ScreenView, character: string, page: Page): Pressed {
  const step = Math.max(1, page.lines - 1);
  switch (character) {
    case 'q':
    case 'Q':
      return 'quit';
    case 's':
      return { ...view, help: false, sort: nextSort(view.sort), offset: 0 };
    case 'f':
    case '/':
      return { ...view, help: false, typing: true };
    case '?':
    case 'h':
      return { ...view, help: !view.help };
    case 'k':
      return { ...view, offset: clampOffset(view.offset - 1, page) };
    case 'j':
      return { ...view, offset: clampOffset(view.offset + 1, page) };
    case ' ':
      return { ...view, offset: clampOffset(view.offset + step, page) };
    case 'b':
      return { ...view, offset: clampOffset(view.offset - step, page) };
    default:
      return view.help ? { ...view, help: false } : view;
  }
}

function type(view: ScreenView, key: Key): ScreenView {
  if ('character' in key)
    return view.filter.length < MAX_FILTER_LENGTH
      ? { ...view, filter: view.filter + key.character, offset: 0 }
      : view;
  switch (key.name) {
    case 'enter':
      return { ...view, typing: false };
    case 'escape':
      return { ...view, typing: false, filter: '', offset: 0 };
    case 'backspace':
      return { ...view, filter: [...view.filter].slice(0, -1).join(''), offset: 0 };
    case 'clear':
      return { ...view, filter: '', offset: 0 };
    default:
      return view;
  }
}
