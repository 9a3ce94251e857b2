/** Formats facts, one line each. Figures are the values of the facts, rounded. */
import { counted } from '../messages/count.ts';
import type { Fact, FigureFact, SubflowFact, UplinkFact } from './fact.ts';
import { duration, time, type OutputStyle } from './style.ts';

/** syslog(3) */
const LOG_WARNING = 4;

/** States on the way to another. They are over before a person could read them. */
const PASSING_STATES: ReadonlySet<string> = new Set([
  'no address',
  'no default route',
  'tentative',
  'verified',
]);

/** Returns an empty list for a fact that is not shown to people. */
export function timelineLines(fact: Fact, style: OutputStyle): string[] {
  const { colours } = style;
  const line = (label: string, text: string): string[] => [
    `${colours.dim(`${time(fact.at)}  ${label.padEnd(8)}`)} ${text}`,
  ];
  switch (fact.kind) {
    case 'scene':
      return ['', `${colours.dim(time(fact.at))}  ${colours.bold(fact.text)}`];
    case 'link':
      return line('kernel', `${fact.interface}: ${fact.state}`);
    case 'route':
      return line(
        'kernel',
        `${fact.interface}: default route${fact.gateway ? ` via ${fact.gateway}` : ''} added`,
      );
    case 'uplink':
      return PASSING_STATES.has(fact.state) ? [] : line('uplink', uplinkText(fact, style));
    case 'subflow':
      return isShown(fact) ? line('subflow', subflowText(fact, style)) : [];
    case 'hook':
      return line('hook', `${fact.hook} ${colours.dim('ran:')} ${fact.text}`);
    case 'log':
      return fact.priority <= LOG_WARNING ? line('daemon', colours.yellow(fact.text)) : [];
    case 'figure':
      return [
        `${colours.dim(time(fact.at))}  ${colours.green(`${style.star}        ${colours.bold(figureText(fact))}`)}`,
      ];
    default:
      return [];
  }
}

function uplinkText(
  { interface: name, state, reason, rule, flags }: UplinkFact,
  { colours }: OutputStyle,
): string {
  const paint = state === 'active' ? colours.green : state === 'lingering' ? colours.yellow : colours.red;
  const by = state === 'active' && rule ? `${flags.join(' ')}, by the rule "${rule.glob}"` : reason;
  return `${name}: ${paint(state)}${colours.dim(`: ${by}`)}`;
}

/** A subflow is shown as established when the server confirms it, and as closed when the laptop reports it. */
const isShown = ({ side, event, initial }: SubflowFact): boolean =>
  event === 'closed' ? side === 'laptop' : side === (initial ? 'laptop' : 'server');

function subflowText(fact: SubflowFact, { colours }: OutputStyle): string {
  const { event, laptop, backup, initial, side, interface: name } = fact;
  const what = `${name}: from ${laptop}`;
  if (event === 'closed') return `${what} ${colours.red('closed')}`;
  const kind = initial ? ' (first subflow)' : backup && side === 'server' ? ' (backup)' : '';
  return `${what} ${colours.green('established')}${kind}`;
}

export function figureText({ name, scene, milliseconds, interface: uplink, count = 0 }: FigureFact): string {
  const how = duration(milliseconds);
  if (name === 'stalls')
    return `${scene === 'alone' ? 'without multihomed' : 'with multihomed'}: ${counted(count, 'stall')}, ${how} in all`;
  if (name === 'join') {
    if (scene === 'modem') return `backup subflow ${how} after the default route`;
    return `subflow over ${uplink} ${how} after the ${scene === 'dead' ? 'provider works again' : 'carrier'}`;
  }
  if (scene === 'pulled' || scene === 'dead') return `data moved to ${uplink} after a stall of ${how}`;
  return `longest gap in the data ${how}`;
}
