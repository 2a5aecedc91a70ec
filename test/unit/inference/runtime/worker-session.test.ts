import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { GraphSession, type Tensors } from '../../../../src/inference/runtime/graph-session.ts';
import { floatTensor, int64Tensor } from '../../../../src/inference/runtime/tensors.ts';
import { WorkerSession } from '../../../../src/inference/runtime/worker-session.ts';
import { TINY_BUNDLE } from '../../../support/inference.ts';

const OPTIONS = { provider: 'cpu', threads: 1 } as const;
const HEAD = path.join(TINY_BUNDLE, 'lm-head.onnx');

let session: WorkerSession | undefined;
afterEach(async () => {
  await session?.close();
  session = undefined;
});

/** Inputs of the head of sub-token b, all of one value. */
function feeds(value: number, rows = 2): Tensors {
  return { hidden: floatTensor(new Float32Array(rows * 64).fill(value), [rows, 64]), a: int64Tensor(new BigInt64Array(rows).fill(3n), [rows]) };
}

const logits = (outputs: Tensors): unknown => outputs['logits_b']?.data;

describe('a graph on a thread of its own', () => {
  it('gives the bits of the same graph on this thread, run after run', async () => {
    session = await WorkerSession.open(HEAD, OPTIONS);
    const here = await GraphSession.open(HEAD, OPTIONS);
    const found = await Promise.all([0.1, -0.4, 0.7].map(async (value) => logits(await (session as WorkerSession).run(feeds(value)))));
    for (const [i, value] of [0.1, -0.4, 0.7].entries()) expect(found[i]).toEqual(logits(await here.run(feeds(value))));
    await here.close();
  });

  it('leaves the fed memory to the caller', async () => {
    session = await WorkerSession.open(HEAD, OPTIONS);
    const fed = feeds(0.3);
    const first = logits(await session.run(fed));
    expect(logits(await session.run(fed))).toEqual(first);
  });

  it('passes on what a run threw, and goes on', async () => {
    session = await WorkerSession.open(HEAD, OPTIONS);
    await expect(session.run({ hidden: feeds(1)['hidden'] as Tensors[string] })).rejects.toThrow("'a' is missing");
    expect(logits(await session.run(feeds(0.5)))).toBeInstanceOf(Float32Array);
  });

  it('says why a graph does not open', async () => {
    await expect(WorkerSession.open(path.join(TINY_BUNDLE, 'no.onnx'), OPTIONS)).rejects.toThrow('no.onnx does not exist');
  });

  it('ends after the runs that were asked for; later ones fail', async () => {
    const ending = await WorkerSession.open(HEAD, OPTIONS);
    const last = ending.run(feeds(0.2));
    await ending.close();
    expect(logits(await last)).toBeInstanceOf(Float32Array);
    await expect(ending.run(feeds(0.2))).rejects.toThrow('the thread of a graph ended');
  });
});
