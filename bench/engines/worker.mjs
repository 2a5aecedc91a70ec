/**
 * What every engine's process does for bench/engine-table.ts: answers `{ B, steps }` with `{ ms: number[] }`, one number per step.
 * `clock` is `wall`, or `cpu`: the processor time of the process, which a busy machine disturbs less. With one thread they mean the same.
 */
export function serve(clock, prepare) {
  const now = clock === 'cpu' ? cpuMs : () => performance.now();
  process.on('message', async ({ B, steps }) => {
    const { step, after } = await prepare(B);
    const ms = [];
    for (let i = 0; i < steps; i += 1) {
      const at = now();
      await step(i);
      ms.push(now() - at);
    }
    await after?.(steps);
    process.send({ ms });
  });
  process.on('disconnect', () => process.exit(0));
  process.send({ ready: true });
}

function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
