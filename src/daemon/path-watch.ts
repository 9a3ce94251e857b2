/** Watches MPTCP's traffic on the paths of uplinks: counts joins, and finds paths that do not answer. */
import { NetlinkConnection, type Trace } from '../netlink/connection.ts';
import type { KernelSession } from '../netlink/session.ts';
import type { JoinRecords } from '../plan/evidence.ts';
import type { Plan } from '../plan/plan.ts';
import type { HealthSettings, ProbeSettings } from '../rules/rule.ts';
import { lookupKey, type Snapshot } from '../snapshot/snapshot.ts';
import { NETLINK_ROUTE, NETLINK_SOCK_DIAG } from '../system/addon.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { Health } from './health.ts';
import { countJoins } from './join-events.ts';
import { Prober } from './prober.ts';

export interface PathWatch {
  readonly records: JoinRecords;
  readonly health: Pick<Snapshot, 'suspects' | 'renewals' | 'retries'>;
  /** The configuration has changed. */
  reload(settings: HealthSettings): void;
  /** Called after each pass. */
  follow(plan: Plan): void;
  close(): void;
}

/** `onChange`: a suspicion began, changed its phase or ended. A dry run only counts joins. */
export function watchPaths(
  parts: Pick<KernelSession, 'mptcp'> & {
    readonly netns: string | undefined;
    readonly clock: Clock;
    readonly log: Log;
    readonly trace: Trace | undefined;
    readonly dryRun: boolean;
    readonly settings: HealthSettings;
    readonly onChange: () => void;
  },
): PathWatch {
  const { netns, clock, dryRun } = parts;
  // Not traced: they would fill the log many times a second.
  const diag = new NetlinkConnection({ protocol: NETLINK_SOCK_DIAG, clock, netns });
  const route = new NetlinkConnection({ protocol: NETLINK_ROUTE, clock, netns });
  const detection = (settings: HealthSettings): HealthSettings | null =>
    settings.detect && !dryRun ? settings : null;
  const health = new Health({ ...parts, route, diag }, detection(parts.settings));
  const probes = (settings: HealthSettings): ProbeSettings | null => (dryRun ? null : settings.probe);
  const prober = new Prober({ ...parts, diag }, probes(parts.settings));
  const joins = countJoins({
    ...parts,
    onEvent: (event) => {
      health.observe(event);
      prober.observe(event);
    },
    onOverrun: () => void health.recount(),
  });
  void health.recount();
  return {
    get records() {
      const { obstacles } = health.lost;
      return new Map(
        [...joins.records].map(([address, record]) => {
          const obstacle = obstacles.get(address);
          return [address, obstacle ? { ...record, obstacle } : record];
        }),
      );
    },
    get health() {
      return {
        suspects: new Map([...prober.suspects, ...health.suspects]),
        renewals: health.lost.renewals,
        retries: health.tries.retries,
      };
    },
    reload: (settings) => {
      health.reload(detection(settings));
      prober.reload(probes(settings));
    },
    follow: (plan) => {
      joins.follow(plan);
      // An uplink that is suspect by its probes replaces no other.
      const uplinks = plan.uplinks.filter(
        ({ ifindex, address }) => !prober.suspects.has(lookupKey(ifindex, address ?? '')),
      );
      health.follow({ ...plan, uplinks });
      prober.follow(plan.uplinks, health.suspects);
    },
    close: () => {
      joins.close();
      health.stop();
      prober.stop();
      diag.close();
      route.close();
    },
  };
}
