/** A promise that others settle. */

/** Returns the promise and its two ends. A rejection that nothing handles is no fault. */
export function deferred(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((_, no) => (reject = no));
  promise.catch(() => undefined);
  return { promise, reject };
}
