import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { onnxModel } from '../../../../src/inference/runtime/onnx-graph.ts';

describe('a graph built in memory', () => {
  it('runs: constants, attributes, extents of more than a byte', async () => {
    const model = onnxModel({
      nodes: [
        { operator: 'Equal', inputs: ['places', 'row'], output: 'is_row' },
        { operator: 'Where', inputs: ['is_row', 'entry', 'past'], output: 'placed' },
        { operator: 'Gather', inputs: ['placed', 'at'], output: 'taken', attributes: { axis: 1 } },
      ],
      inputs: [
        { name: 'row', type: 'int32', dims: [1] },
        { name: 'at', type: 'int64', dims: [1] },
        { name: 'entry', type: 'float32', dims: [1, 300] },
        { name: 'past', type: 'float32', dims: [3, 300] },
      ],
      outputs: [{ name: 'taken', type: 'float32', dims: [3, 1] }],
      constants: [{ name: 'places', dims: [3, 1], values: [0, 1, 200] }],
    });
    const session = await InferenceSession.create(model);
    const { taken } = await session.run({
      row: new Tensor('int32', Int32Array.of(200), [1]),
      at: new Tensor('int64', BigInt64Array.of(299n), [1]),
      entry: new Tensor('float32', Float32Array.from({ length: 300 }, (_, i) => i), [1, 300]),
      past: new Tensor('float32', new Float32Array(900).fill(-1), [3, 300]),
    });
    expect(taken?.data).toEqual(Float32Array.of(-1, -1, 299));
    await session.release();
  });
});
