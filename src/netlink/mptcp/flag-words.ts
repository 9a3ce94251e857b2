/** The words for flags of endpoints, in rules, in `endpoint add` and in the output of `ip mptcp`. */

/** Flags that a user may give an endpoint, in the order in which `ip mptcp` prints them. */
export const ENDPOINT_FLAGS = ['signal', 'subflow', 'backup', 'fullmesh', 'laminar'] as const;
export type EndpointFlag = (typeof ENDPOINT_FLAGS)[number];

/** All flags of the kernel. `implicit` is set by the kernel alone. */
export const FLAG_WORDS = [...ENDPOINT_FLAGS, 'implicit'] as const;
export type FlagWord = (typeof FLAG_WORDS)[number];
