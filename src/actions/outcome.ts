/** The result of one action. */
import type { NetlinkError } from '../netlink/error.ts';
import type { Action } from './action.ts';

export interface Outcome {
  readonly action: Action;
  readonly error: NetlinkError | null;
  /** The endpoint under this id is no longer multihomed's and was not touched. */
  readonly foreign?: boolean;
  /** The id that the kernel assigned, if it differs from the requested one. */
  readonly id?: number;
  /**
   * There was nothing to delete. If the next snapshot has the object nevertheless, the deletion is not repeated at
   * once.
   */
  readonly gone?: boolean;
  /** The endpoint that was deleted to make room for this one must be added again. */
  readonly restoreReplaced?: boolean;
  /** The table of endpoints is full: how many it holds. */
  readonly full?: number;
}

/** Whether the kernel executed the action. */
export const isDone = ({ error, foreign, gone }: Outcome): boolean => !error && !foreign && !gone;
