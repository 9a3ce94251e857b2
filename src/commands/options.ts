/** Options that several commands share, as `Command.option` takes them. */

export const JSON_OPTION = ['-j, --json', 'one JSON document'] as const;
export const JSON_LINES = ['-j, --json', 'one JSON document a line'] as const;
/** For verbs that print nothing, so that a script can pass it to all verbs, as with `ip -j`. */
export const JSON_SILENT = ['-j, --json', 'accepted; there is nothing to print'] as const;
export const NETNS_OPTION = ['-n, --netns <name>', 'in this network namespace ("ip netns")'] as const;
