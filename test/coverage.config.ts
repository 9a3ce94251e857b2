/**
 * `npm run test:coverage`: the tests of the pure folders, and their minimum coverage of lines, branches and functions.
 * Tests with a kernel and with whole daemons cover the rest, in processes that are not counted.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: [
      'test/{plan,health,actions}/*.test.ts',
      'test/daemon/health.test.ts',
      'test/doctor/{diagnose,others}.test.ts',
      'test/rules/{keys,load,match,nearest,quotes,validate}.test.ts',
      'test/netlink/{diag,replay}.test.ts',
    ],
    // One copy of each module for all files, which halves the time. Only one of the files replaces a module.
    isolate: false,
    maxWorkers: 2,
    retry: 0,
    reporters: ['dot'],
    coverage: {
      enabled: true,
      provider: 'v8',
      include: [
        'src/{health,messages,plan,rules}/**/*.ts',
        'src/netlink/*.ts',
        'src/netlink/{generic,mptcp,route}/*.ts',
      ],
      reporter: process.env['CI'] === 'true' ? ['text-summary'] : ['text-summary', 'html'],
      thresholds: {
        'src/health/**': { lines: 80, branches: 71, functions: 80 },
        'src/messages/**': { lines: 63, branches: 48, functions: 62 },
        'src/netlink/**': { lines: 77, branches: 64, functions: 79 },
        'src/plan/**': { lines: 82, branches: 73, functions: 78 },
        'src/rules/**': { lines: 90, branches: 82, functions: 92 },
      },
    },
  },
});
