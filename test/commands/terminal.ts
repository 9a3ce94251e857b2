/** A user at a terminal who types and presses Tab; returns the words that the shell would run. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Netns } from '../support/netns.ts';
import { MAIN } from '../support/installed.ts';

const PROMPT = 'ready> ';
const LIMIT_MS = 60_000;

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type ShellName = (typeof SHELLS)[number];

const START: Readonly<Record<ShellName, (folder: string) => string>> = {
  bash: (folder) => `bash --noprofile --rcfile ${folder}/bashrc -i`,
  zsh: () => 'zsh -d -i',
  fish: (folder) => `fish --no-config -i -C 'source ${folder}/config.fish'`,
};

export class Terminal {
  readonly #child: ChildProcess;
  readonly #folder: string;
  #seen = '';
  #lines = 0;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#seen += text));
  }

  /** Uses the completion script that the program prints, in a folder without other files. */
  static async open(shell: ShellName, netns: Netns, folder: string): Promise<Terminal> {
    mkdirSync(join(folder, 'bin'), { recursive: true });
    writeFileSync(join(folder, 'bin/multihomed'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, {
      mode: 0o755,
    });
    writeFileSync(
      join(folder, 'bashrc'),
      `PS1='${PROMPT}'\nbind 'set enable-bracketed-paste off'\nsource <(multihomed completion bash)\n`,
    );
    writeFileSync(
      join(folder, '.zshrc'),
      `PS1='${PROMPT}'\nunset zle_bracketed_paste\nmultihomed completion zsh >bin/_multihomed\nfpath=($PWD/bin $fpath)\nautoload -Uz compinit\ncompinit -u -D\n`,
    );
    writeFileSync(
      join(folder, 'config.fish'),
      `function fish_prompt; printf '${PROMPT}'; end\nset -g fish_greeting\nset -g fish_autosuggestion_enabled 0\nmultihomed completion fish | source\n`,
    );
    // ip(8) mounts the namespace's own /sys, from which names are completed; script(1) provides the terminal.
    const child = spawn(
      'ip',
      ['netns', 'exec', netns.name, 'script', '-qefc', START[shell](folder), '/dev/null'],
      {
        cwd: folder,
        stdio: ['pipe', 'pipe', 'inherit'],
        env: {
          PATH: `${join(folder, 'bin')}:/usr/sbin:/usr/bin:/sbin:/bin`,
          HOME: folder,
          ZDOTDIR: folder,
          TERM: 'dumb',
          LC_ALL: 'C.UTF-8',
        },
      },
    );
    const terminal = new Terminal(child, folder);
    await terminal.#until(() => terminal.#seen.includes(PROMPT));
    return terminal;
  }

  /**
   * Types `text` at once; the shell handles each Tab before it reads on.
   * @returns the words of the command line as the shell would run them
   */
  async words(text: string): Promise<string[]> {
    // Ctrl-A and Ctrl-E move to the beginning and the end of the line.
    const file = join(this.#folder, `words-${++this.#lines}`);
    this.#child.stdin?.write(`${text}\u0001printf '%s\\0' \u0005 >${file}.new && mv ${file}.new ${file}\r`);
    await this.#until(() => existsSync(file));
    return readFileSync(file, 'utf8').split('\0').slice(0, -1);
  }

  end(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.stdin?.end('\u0003\rexit\r');
      this.#child.kill('SIGHUP');
    });
  }

  async #until(isSo: () => boolean): Promise<void> {
    for (const start = Date.now(); !isSo(); await pause(10))
      if (Date.now() > start + LIMIT_MS) throw new Error(`not in time: ${JSON.stringify(this.#seen)}`);
  }
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
