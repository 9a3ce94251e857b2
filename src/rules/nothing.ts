/** The message for a host on which no interface is managed, with an example of a first rule. */

/** `why` is a clause, `file` a file in which a rule may be written, `glob` the glob of the rule in the example. */
export const nothingText = (why: string, file: string, glob: string): string =>
  `nothing is managed: ${why}; write one into ${file}, for example  rules: { ${JSON.stringify(glob)}: subflow }`;
