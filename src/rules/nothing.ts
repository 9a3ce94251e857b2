/** The sentence for a host on which no interface is managed, with a rule to begin with. */

/** `why`: a clause; `file`: where a rule may be written; `glob`: of the rule that is shown. */
export const nothingText = (why: string, file: string, glob: string): string =>
  `nothing is managed: ${why}; write one into ${file}, for example  rules: { ${JSON.stringify(glob)}: subflow }`;
