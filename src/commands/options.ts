/** Options that several commands share, as `Command.option` takes them. */

export const JSON_OPTION = ['-j, --json', 'print one JSON document'] as const;
export const JSON_LINES = ['-j, --json', 'print one JSON document on each line'] as const;
/** For verbs that print nothing, so that a script can pass it to all verbs, as with `ip -j`. */
export const JSON_SILENT = ['-j, --json', 'accepted; there is no output'] as const;
export const NETNS_OPTION = ['-n, --netns <name>', 'use this network namespace ("ip netns")'] as const;
export const CONFIG_ONLY = ['--config <file>', 'read only this file'] as const;
/** For commands that ask the daemon, which has a configuration of its own. */
export const CONFIG_WITHOUT_DAEMON = ['--config <file>', 'the rules to use if no daemon runs'] as const;
