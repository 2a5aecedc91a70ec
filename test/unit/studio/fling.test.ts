import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Fling } from '../../../studio/src/library/fling.ts';

const FRAME_MS = 16;

let told: boolean[];
let top: number;
let fling: Fling;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  top = 0;
  fling = new Fling({ top, at: Date.now() }, (is) => told.push(is));
});
afterEach(() => {
  fling.close();
  vi.useRealTimers();
});

/** Scroll events so many milliseconds apart. */
function scroll(events: number, px: number, ms = FRAME_MS): void {
  for (let event = 0; event < events; event += 1) {
    vi.advanceTimersByTime(ms);
    top += px;
    fling.moved({ top, at: Date.now() });
  }
}

it.each([['down', 300], ['up', -300]])('is told once while it lasts, and once when it is over: %s', (_way, px) => {
  scroll(40, px);
  expect(told).toEqual([true]);
  vi.advanceTimersByTime(200);
  expect(told).toEqual([true, false]);
});

it('is over while the page still scrolls, but slowly', () => {
  scroll(20, 300);
  scroll(20, 40);
  expect(told).toEqual([true, false]);
  scroll(20, 300);
  expect(told).toEqual([true, false, true]);
});

it('is not what a wheel does', () => {
  scroll(200, 42);
  expect(told).toEqual([]);
});

it('is not a page that was held up and gets its events at once', () => {
  scroll(10, 42);
  scroll(1, 420, 160);
  scroll(3, 42, 1);
  scroll(10, 42);
  expect(told).toEqual([]);
});

it('is not a jump after a rest', () => {
  vi.advanceTimersByTime(5_000);
  scroll(1, 20_000, 0);
  expect(told).toEqual([]);
});

it('is not told after the page was left', () => {
  scroll(20, 300);
  fling.close();
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual([true]);
});
