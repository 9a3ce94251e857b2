/** `multihomed completion SHELL`: prints the completion script for a shell. */
import type { Command } from 'commander';
import { EXIT } from './exit.ts';
import { printExact } from './print.ts';
import { bashCompletion } from './shell/bash.ts';
import { fishCompletion } from './shell/fish.ts';
import { commandNodes } from './shell/tree.ts';
import { zshCompletion } from './shell/zsh.ts';

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };
export type Shell = keyof typeof SCRIPTS;

/** @param root the commands to complete */
export function completionCommand(shell: Shell, root: Command): number {
  printExact(SCRIPTS[shell](commandNodes(root)).trimEnd());
  return EXIT.done;
}
