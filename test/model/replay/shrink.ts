/** Shortens a failing list as long as it still fails: by halves, quarters, and finally single elements. */
export async function shrink<Each>(
  list: readonly Each[],
  fails: (list: readonly Each[]) => Promise<boolean>,
): Promise<readonly Each[]> {
  let small = list;
  for (let size = Math.ceil(list.length / 2); ; size = Math.ceil(size / 2)) {
    for (let at = Math.max(0, small.length - size); at >= 0;) {
      const less = [...small.slice(0, at), ...small.slice(at + size)];
      if (less.length < small.length && (await fails(less))) small = less;
      if (at === 0) break;
      at = Math.max(0, at - size);
    }
    if (size === 1) return small;
  }
}
