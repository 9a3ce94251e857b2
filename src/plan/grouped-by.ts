/**
 * Groups the objects of a list by a key, once for each list: the lists of a snapshot never change, and a host with a
 * thousand links has thousands of addresses, routes and policy rules.
 * @returns the objects with a key, in the order of the list
 */
export function groupedBy<Each, Key>(
  keyOf: (each: Each) => Key,
): (all: readonly Each[], key: Key) => readonly Each[] {
  const known = new WeakMap<readonly Each[], Map<Key, Each[]>>();
  return (all, key) => {
    let groups = known.get(all);
    if (!groups) {
      groups = new Map();
      for (const each of all) {
        const at = keyOf(each);
        const group = groups.get(at);
        if (group) group.push(each);
        else groups.set(at, [each]);
      }
      known.set(all, groups);
    }
    return groups.get(key) ?? [];
  };
}
