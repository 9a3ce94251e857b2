import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Whoever runs the tests need not be the owner of the tree.
  cacheDir: process.env['MULTIHOMED_TEST_CACHE'] ?? 'node_modules/.vite',
  test: {
    include: ['test/**/*.test.ts'],
    // Kernel tests mostly wait for the kernel, each in namespaces of its own.
    maxWorkers: 4,
    // Times are those of the real kernel, and a builder's processors are others' too: there a test that fails is tried
    // twice more, and is said to have been. At home it fails at once.
    retry: process.env['CI'] ? 2 : 0,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Kernel tests wait for what `ip` shows.
    expect: { poll: { interval: 20, timeout: process.env['CI'] ? 10_000 : 5_000 } },
    coverage: {
      provider: 'v8',
      // What runs in the daemon's own process is not counted: test/kernel watches it from outside, with `ip`.
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
    },
  },
});
