/** What can happen to a fleet. Each blow ends by itself, with everything up again or on its way. */
import { setTimeout as sleep } from 'node:timers/promises';
import { between } from '../seeded.ts';
import { commandLine, descendants } from '../server.ts';
import type { Fleet, Member } from './fleet.ts';

const BLOWS = {
  'worker killed': (fleet, random) => kill(one(fleet.workers, random), 'SIGKILL'),
  'worker told to stop': (fleet, random) => kill(one(fleet.workers, random), 'SIGTERM'),
  'api killed': (fleet, random) => kill(one(fleet.apis, random), 'SIGKILL'),
  'api told to stop': (fleet, random) => kill(one(fleet.apis, random), 'SIGTERM'),
  /** Longer than a lease: it wakes up as the late owner of its jobs. */
  'worker frozen for 14 s': async (fleet, random) => {
    const { process } = one(fleet.workers, random);
    process.signal('SIGSTOP');
    await sleep(14_000);
    process.signal('SIGCONT');
  },
  'inference killed': async (fleet, random) => {
    for (const pid of await descendants(one(fleet.workers, random).process.pid)) {
      if ((await commandLine(pid)).includes('inference/process')) await signal(pid, 'SIGKILL');
    }
  },
  'worker without a network for 20 s': async (fleet, random) => {
    const { network } = one(fleet.workers, random);
    network.takeDown();
    await sleep(20_000);
    network.restore();
  },
  'connections of an api cut': async (fleet, random) => one(fleet.apis, random).network.cut(),
  /** A restart as an operator does it. */
  'Postgres restarted': (fleet) => signal(fleet.postgres.pid, 'SIGINT'),
  /** A crash: what was not yet written to its log is lost. */
  'Postgres crashed': (fleet) => signal(fleet.postgres.pid, 'SIGQUIT'),
  'NATS away for 5 s': async ({ beside }) => {
    await beside?.nats.kill();
    await sleep(5_000);
    await beside?.nats.start();
  },
  'connections to the store cut': async ({ beside }) => beside?.storeNetwork.cut(),
  'store away for 5 s': async ({ beside }) => {
    beside?.storeNetwork.takeDown();
    await sleep(5_000);
    beside?.storeNetwork.restore();
  },
} as const satisfies Record<string, (fleet: Fleet, random: () => number) => Promise<void>>;

export type Blow = keyof typeof BLOWS;

/** For a fleet whose bytes and news are not in Postgres. */
const BESIDE: ReadonlySet<string> = new Set(['NATS away for 5 s', 'connections to the store cut', 'store away for 5 s']);

/** Two blows may overlap, but never two that freeze or cut off workers or what they need: one of them has to work. */
const SLOW: ReadonlySet<string> = new Set(['worker frozen for 14 s', 'worker without a network for 20 s', 'NATS away for 5 s', 'store away for 5 s']);

/** How long a fleet with nobody at work is left alone, ms. A busy machine takes its time to start a process; one that is always killed before it stands proves nothing. */
const REST_MS = 60_000;

/** Deals blows until it is stopped, at random times by the seed, the next one when an api and a worker are at work again. Resolves with how many there were of each, when the last has ended. */
export async function dealBlows(fleet: Fleet, random: () => number, stop: AbortSignal, pauseMs: readonly [number, number]): Promise<ReadonlyMap<string, number>> {
  const dealt = new Map<string, number>();
  const going = new Set<Promise<void>>();
  let slow = false;
  while (!stop.aborted) {
    const names = (Object.keys(BLOWS) as Blow[]).filter((name) => (fleet.beside !== undefined || !BESIDE.has(name)) && (!slow || !SLOW.has(name)));
    const name = names[between(random, 0, names.length - 1)];
    if (name === undefined) break;
    slow ||= SLOW.has(name);
    dealt.set(name, (dealt.get(name) ?? 0) + 1);
    const blow = BLOWS[name](fleet, random).finally(() => {
      if (SLOW.has(name)) slow = false;
      going.delete(blow);
    });
    going.add(blow);
    await sleep(between(random, ...pauseMs), undefined, { signal: stop }).catch(() => undefined);
    await atWork(fleet, stop);
  }
  await Promise.all(going);
  return dealt;
}

async function atWork(fleet: Fleet, stop: AbortSignal): Promise<void> {
  const end = performance.now() + REST_MS;
  const isReady = ({ url }: Member): Promise<boolean> => fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) }).then(({ ok }) => ok, () => false);
  const some = async (members: readonly Member[]): Promise<boolean> => (await Promise.all(members.map(isReady))).includes(true);
  while (!stop.aborted && performance.now() < end && !((await some(fleet.apis)) && (await some(fleet.workers)))) await sleep(250);
}

function one(members: readonly Member[], random: () => number): Member {
  const member = members[between(random, 0, members.length - 1)];
  if (member === undefined) throw new Error('the fleet is empty');
  return member;
}

/** Whoever watches over the fleet starts it again. */
async function kill({ process }: Member, how: NodeJS.Signals): Promise<void> {
  process.signal('SIGCONT');
  process.signal(how);
}

async function signal(pid: number, how: NodeJS.Signals): Promise<void> {
  try {
    process.kill(pid, how);
  } catch {
    // It has just ended by itself.
  }
}
