/** Reads a file that a less privileged user may have replaced, by a link, a pipe or a file without end. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/**
 * Returns the text of a regular file. A link at the end of the path is not followed, and nothing blocks.
 * @throws the error of node:fs, also for a file of another kind or of more than `maxBytes` bytes
 */
export function readRegularFile(path: string, maxBytes: number): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error(`${path} is not a regular file`);
    if (stats.size > maxBytes) throw new Error(`${path} has more than ${maxBytes} bytes`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}
