/** A promise that its maker rejects. */

/** Returns a promise and the function that rejects it. A rejection that nothing handles is ignored. */
export function deferred(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((_, no) => (reject = no));
  promise.catch(() => undefined);
  return { promise, reject };
}
