/** `multihomed demo`: shows how multihomed works in a private network. */
import { ScenarioError } from '../demo/event-log.ts';
import { demo, PARTS } from '../demo/demo.ts';
import { MissingError } from '../demo/sandbox.ts';
import { ForbiddenError } from '../demo/forbidden.ts';
import { ExitError, EXIT } from './exit.ts';

export interface DemoFlags {
  readonly json?: boolean;
  /** The part of the demo that this process runs; set only by the demo itself. */
  readonly as?: string;
}

export async function demoCommand(flags: DemoFlags): Promise<number> {
  if (flags.as !== undefined) {
    await PARTS[flags.as]?.();
    return EXIT.done;
  }
  try {
    return await demo({ json: flags.json ?? false });
  } catch (error) {
    if (error instanceof ForbiddenError) throw new ExitError(EXIT.permission, error.message);
    if (error instanceof MissingError) throw new ExitError(EXIT.unavailable, error.message);
    if (error instanceof ScenarioError)
      throw new ExitError(EXIT.software, `the demo failed: ${error.message}`);
    throw error;
  }
}
