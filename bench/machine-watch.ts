import { readFileSync } from 'node:fs';

interface Reading {
  /** Microseconds of the monotonic clock. */
  readonly at: number;
  /** Of all processors since the start, in hundredths of a second (proc(5): `/proc/stat`). */
  readonly idle: number;
  readonly total: number;
  /** Processor time of this process, ms. */
  readonly own: number;
}

const EVERY_MS = 50;

/** Notes twenty times a second how busy the machine and this process are, to tell later what a moment was like; Linux only. */
export class MachineWatch implements Disposable {
  readonly #readings: Reading[] = [read()];
  readonly #timer = setInterval(() => this.#readings.push(read()), EVERY_MS);

  /** From the last reading before to the first one behind: up to {@link EVERY_MS} more at each end. */
  between(from: number, to: number): { readonly busy: number; readonly ownMs: number } {
    const before = this.#readings.findLast(({ at }) => at <= from) ?? this.#readings[0];
    const after = this.#readings.find(({ at }) => at >= to) ?? this.#readings.at(-1);
    if (before === undefined || after === undefined) return { busy: 0, ownMs: 0 };
    return { busy: 1 - (after.idle - before.idle) / Math.max(1, after.total - before.total), ownMs: after.own - before.own };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function read(): Reading {
  const times = (/^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '').split(' ').map(Number);
  const [, , , idle = 0, waiting = 0] = times;
  const { user, system } = process.cpuUsage();
  return { at: Number(process.hrtime.bigint() / 1000n), idle: idle + waiting, total: times.reduce((sum, each) => sum + each, 0), own: (user + system) / 1000 };
}
