/** Numbers with their nouns. */

/** `1 rule`, `2 rules`, `2 addresses` */
export const counted = (number: number, noun: string): string =>
  `${number} ${number === 1 ? noun : plural(noun)}`;

const plural = (noun: string): string => `${noun}${noun.endsWith('s') ? 'es' : 's'}`;
