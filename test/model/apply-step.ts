/** Applies one step of a history: to the host, to the daemon, or to the communication between the two. */
import { configurationOf } from './configurations.ts';
import type { Host } from './host.ts';
import type { Step } from './steps.ts';
import type { Fixture } from './fixture.ts';

/** Takes one step. Does not wait until the daemon has settled. */
export async function applyStep(host: Host, fixture: Fixture, step: Step): Promise<void> {
  // A change of the limits between the daemon's read and write cannot be detected, so the daemon settles first.
  if (step.when === 'settled' || step.op === 'limits') await host.settle();
  switch (step.op) {
    case 'reload': {
      const next = configurationOf(step);
      host.configuration = next;
      host.paused = false;
      void host.daemon.loop.reload(next, { resume: true });
      return;
    }
    case 'flush':
      host.paused = true;
      // Objects that flush could not remove, or that a reload added again, are reported at the end of the history.
      void host.daemon.loop.flush({ files: null }).then(({ left }) => {
        if (left.length > 0)
          host.kernel.state.countPeculiarity('flush reported objects that it could not remove');
      });
      return;
    case 'kill':
      return host.kill();
    case 'restart':
      await host.settle();
      return host.restart();
    case 'lose events':
      host.losesEvents = true;
      return;
    case 'overrun':
      return host.overrun();
    case 'crash':
      host.daemon.requester.changesUntilCrash = step.after;
      host.daemon.requester.answerLost = step.answerLost ?? false;
      return;
    case 'lose answers':
      host.daemon.requester.lostAnswers = step.count;
      return;
    case 'time':
      return host.pass(step.milliseconds);
    default:
  }
  const run = (): void => fixture.change(step);
  if (step.op === 'limits') run();
  else if (step.when === 'midway') host.midway(run);
  else if (typeof step.when === 'number') host.race(step.when, run);
  else run();
}
