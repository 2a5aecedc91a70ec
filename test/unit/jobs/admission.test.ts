import { expect, it } from 'vitest';
import { Admission } from '../../../src/jobs/admission.ts';

const open = (overcommit = false) => {
  let news = 0;
  const admission = new Admission({ slots: 8, atOnce: 3, overcommit, onRoom: () => (news += 1) });
  return { admission, news: () => news };
};
const FOREVER = new AbortController().signal;
/** Whether the promise has settled by now. */
const settled = (promise: Promise<unknown>): Promise<boolean> => Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);

it('has room while rows are free and jobs may run', () => {
  const { admission, news } = open();
  const seats = [2, 4].map((rows) => admission.sit(rows));
  expect([admission.hasRoom, admission.usedSlots, admission.jobs]).toEqual([true, 6, 2]);
  seats.push(admission.sit(1));
  expect(admission.hasRoom, 'three at once').toBe(false);
  seats[0]?.leave();
  expect([admission.hasRoom, news()]).toEqual([true, 1]);
  seats[1]?.leave();
  expect(news(), 'there was room already').toBe(1);
  seats[1] = admission.sit(4);
  const large = admission.sit(8);
  expect(admission.hasRoom).toBe(false);
  large.freeRows();
  large.leave();
  large.leave();
  expect([admission.usedSlots, admission.jobs]).toEqual([5, 2]);
});

it('leaves a job alone that wants to be, one such job after the other', async () => {
  const { admission } = open();
  const [first, second, third] = [admission.sit(2), admission.sit(2), admission.sit(2)];
  const alone = [second.alone(FOREVER), third.alone(FOREVER)] as const;
  expect([await settled(alone[0]), await settled(alone[1])], 'while another runs').toEqual([false, false]);
  first.leave();
  expect([await settled(alone[0]), await settled(alone[1])], 'the first of them').toEqual([true, false]);
  expect(admission.hasRoom).toBe(false);
  second.leave();
  expect(await settled(alone[1])).toBe(true);
  expect(admission.hasRoom).toBe(false);
  third.leave();
  expect(admission.hasRoom).toBe(true);
});

it('who is stopped while waiting to be alone keeps nobody out', async () => {
  const { admission, news } = open();
  const stop = new AbortController();
  admission.sit(2);
  const waiting = admission.sit(2);
  const alone = waiting.alone(stop.signal);
  expect(admission.hasRoom).toBe(false);
  stop.abort();
  await alone;
  expect([admission.hasRoom, news()]).toEqual([true, 1]);
});

it('lets jobs wait for rows where no other worker could take them', () => {
  const { admission } = open(true);
  admission.sit(8);
  expect(admission.hasRoom).toBe(true);
  for (const rows of [8, 8]) admission.sit(rows);
  expect(admission.hasRoom, 'three at once').toBe(false);
});
