import { defineConfig } from 'vitest/config';

/** Tests that replace a module for all that their process runs. */
const REPLACING = [
  'test/daemon/loop.test.ts',
  'test/model/{property,regressions}.test.ts',
  'test/netlink/{connection,replay,trouble}.test.ts',
];

export default defineConfig({
  // Whoever runs the tests need not be the owner of the tree.
  cacheDir: process.env['MULTIHOMED_TEST_CACHE'] ?? 'node_modules/.vite',
  test: {
    // Files share a process and one copy of each module: a process for each of them takes as long as most of their tests.
    projects: [
      {
        extends: true,
        test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: REPLACING, isolate: false },
      },
      { extends: true, test: { name: 'alone', include: REPLACING } },
    ],
    // Kernel tests mostly wait for the kernel, each in namespaces of its own.
    maxWorkers: 4,
    // No test is tried twice. Limits are for a machine whose processors others use too: a test waits for a condition and
    // ends when it holds, so a long limit costs time only where something is wrong.
    retry: 0,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Kernel tests wait for what `ip` shows; less than the 30 s after which the daemon looks without an event.
    expect: { poll: { interval: 75, timeout: 20_000 } },
    coverage: {
      provider: 'v8',
      // What runs in the daemon's own process is not counted: test/kernel watches it from outside, with `ip`.
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
    },
  },
});
