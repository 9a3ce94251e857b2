/** The interface for logging. Fields are for machines; the text must be sufficient for people without them. */
export interface Log {
  debug(text: string, fields?: object): void;
  info(text: string, fields?: object): void;
  warn(text: string, fields?: object): void;
  error(text: string, fields?: object): void;
}

export type LogTarget = 'stderr' | 'journal' | 'syslog' | 'null';
export const LOG_TARGETS: readonly LogTarget[] = ['stderr', 'journal', 'syslog', 'null'];
