/** Builds small ONNX graphs in memory: protobuf by hand (onnx.proto, IR version 10), without weights, for what a device has to do between the model's graphs. */

/** TensorProto.DataType */
export const ONNX_TYPE = { float32: 1, int32: 6, int64: 7, float16: 10 } as const;
export type OnnxType = keyof typeof ONNX_TYPE;

export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  readonly dims: readonly number[];
}

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Integer attributes. */
  readonly attributes?: Readonly<Record<string, number>>;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** int32 `[n]`, reshaped to `dims`. */
  readonly constants: readonly { readonly name: string; readonly dims: readonly number[]; readonly values: readonly number[] }[];
}

const IR_VERSION = 10;
const OPSET = 21;
/** AttributeProto.AttributeType.INT */
const ATTRIBUTE_INT = 2;

/** The bytes of a ModelProto. */
export function onnxModel({ nodes, inputs, outputs, constants }: OnnxGraph): Uint8Array {
  const graph = [
    ...nodes.flatMap((node) => bytes(1, nodeProto(node))),
    ...text(2, 'cinegraph'),
    ...constants.flatMap(({ name, dims, values }) => bytes(5, [...dims.flatMap((extent) => integer(1, extent)), ...integer(2, ONNX_TYPE.int32), ...values.flatMap((value) => integer(5, value)), ...text(8, name)])),
    ...inputs.flatMap((value) => bytes(11, valueInfo(value))),
    ...outputs.flatMap((value) => bytes(12, valueInfo(value))),
  ];
  return Uint8Array.from([...integer(1, IR_VERSION), ...bytes(7, graph), ...bytes(8, [...text(1, ''), ...integer(2, OPSET)])]);
}

function nodeProto({ operator, inputs, output, attributes = {} }: OnnxNode): number[] {
  const named = Object.entries(attributes).flatMap(([name, value]) => bytes(5, [...text(1, name), ...integer(3, value), ...integer(20, ATTRIBUTE_INT)]));
  return [...inputs.flatMap((name) => text(1, name)), ...text(2, output), ...text(4, operator), ...named];
}

/** ValueInfoProto: a tensor of known shape. */
function valueInfo({ name, type, dims }: OnnxValue): number[] {
  const shape = dims.flatMap((extent) => bytes(1, integer(1, extent)));
  return [...text(1, name), ...bytes(2, bytes(1, [...integer(1, ONNX_TYPE[type]), ...bytes(2, shape)]))];
}

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) + 0x80);
  return [...out, rest];
}

function integer(field: number, value: number): number[] {
  return [...varint(field * 8), ...varint(value)];
}

function bytes(field: number, content: readonly number[]): number[] {
  return [...varint(field * 8 + 2), ...varint(content.length), ...content];
}

function text(field: number, value: string): number[] {
  return bytes(field, [...Buffer.from(value, 'utf8')]);
}
