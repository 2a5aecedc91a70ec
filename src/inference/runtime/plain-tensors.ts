/** Tensors as plain objects, which cross between threads. */
import { Tensor } from 'onnxruntime-node';
import type { Tensors } from './graph-session.ts';

type TensorData = Float32Array | BigInt64Array | Int32Array;

interface PlainTensor {
  readonly type: 'float32' | 'int64' | 'int32';
  readonly data: TensorData;
  readonly dims: readonly number[];
}

export type PlainTensors = Readonly<Record<string, PlainTensor>>;

export function toPlain(tensors: Tensors): PlainTensors {
  const plain = ({ type, data, dims }: Tensor): PlainTensor => ({ type: type as PlainTensor['type'], data: data as TensorData, dims });
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, plain(tensor)]));
}

export function fromPlain(tensors: PlainTensors): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, { type, data, dims }]) => [name, new Tensor(type, data, dims)]));
}

/** The memory of the tensors, to be handed over instead of copied. */
export function buffersOf(tensors: PlainTensors): ArrayBuffer[] {
  return Object.values(tensors).map(({ data }) => data.buffer as ArrayBuffer);
}
