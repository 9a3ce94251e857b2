/** What every part may say. Fields are for machines; the text alone must be enough for a person. */
export interface Log {
  debug(text: string, fields?: object): void;
  info(text: string, fields?: object): void;
  warn(text: string, fields?: object): void;
  error(text: string, fields?: object): void;
}

export type LogTarget = 'stderr' | 'journal' | 'syslog' | 'null';
export const LOG_TARGETS: readonly LogTarget[] = ['stderr', 'journal', 'syslog', 'null'];
