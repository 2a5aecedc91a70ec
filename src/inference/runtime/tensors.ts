/** Tensor construction, so that nobody else needs onnxruntime. A tensor on CPU memory is a view; garbage collection is its owner. */
import { Tensor } from 'onnxruntime-node';

export type FloatTensor = Tensor;
export type IndexTensor = Tensor;

export function floatTensor(data: Float32Array, dims: readonly number[]): FloatTensor {
  return new Tensor('float32', data, dims);
}

export function int64Tensor(data: BigInt64Array, dims: readonly number[]): IndexTensor {
  return new Tensor('int64', data, dims);
}

export function int32Tensor(data: Int32Array, dims: readonly number[]): IndexTensor {
  return new Tensor('int32', data, dims);
}

export function int8Tensor(data: Int8Array, dims: readonly number[]): Tensor {
  return new Tensor('int8', data, dims);
}

/** The int64 contents of an output, which must be small numbers. */
export function integers(tensor: Tensor | undefined, name: string): Int32Array {
  if (!(tensor?.data instanceof BigInt64Array)) throw new Error(`the graph did not return ${name} as int64`);
  return Int32Array.from(tensor.data, Number);
}

/** The float32 contents of an output. */
export function floats(tensor: Tensor | undefined, name: string): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new Error(`the graph did not return ${name} as float32`);
  return tensor.data;
}
