/** The number that marks routes and policy rules as made by multihomed. */

/** Marks routes (rtm_protocol) and policy rules (FRA_PROTOCOL) of multihomed. */
export const RTPROT_MULTIHOMED = 86;
