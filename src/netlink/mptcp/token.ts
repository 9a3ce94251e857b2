/** A connection's token on this host (RFC 8684 section 3.2) as ip-mptcp(8) prints it: eight hexadecimal digits. */
export const tokenText = (token: number): string => token.toString(16).padStart(8, '0');
