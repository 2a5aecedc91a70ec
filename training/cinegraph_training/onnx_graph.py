"""A small builder of ONNX graphs: nodes one by one, weights as float16 or int8 in shared external files."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
IR_VERSION = 10
ALIGNMENT = 64  # bytes between the starts of two weights in the external file

DATA_TYPES = {
    "float": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "int8": TensorProto.INT8,
}


def to_int8(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A matrix `[in, out]` as int8 and its scales float32 `[out]`: `values` is about `integers * scales`."""
    scales = (np.abs(values).max(axis=0) / 127).astype(np.float32)
    scales[scales == 0] = 1
    return np.round(values / scales).astype(np.int8), scales


class WeightFile:
    """External data of one or more graphs. A weight that is added twice under one name is stored once."""

    def __init__(self, path: Path):
        self.path = path
        self.content = bytearray()
        self.places: dict[str, tuple[int, int, tuple[int, ...]]] = {}

    def add(self, name: str, values: np.ndarray) -> tuple[int, int]:
        """Stores `values` as they are; returns byte offset and length."""
        if name not in self.places:
            data = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
            self.content.extend(b"\0" * (-len(self.content) % ALIGNMENT))
            self.places[name] = (len(self.content), len(data), values.shape)
            self.content.extend(data)
        offset, length, shape = self.places[name]
        if shape != values.shape:
            raise ValueError(f"weight {name} was stored with shape {shape}, now {values.shape}")
        return offset, length

    def write(self) -> None:
        self.path.write_bytes(bytes(self.content))


class Graph:
    """Collects nodes and initializers; every method returns the name of the value it made."""

    def __init__(self, name: str, weights: WeightFile, form: str = "fp32"):
        self.name = name
        self.weights = weights
        self.form = form  # of the products with quantised matrices: matrix_forms.py
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, TensorProto] = {}
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._count = 0
        self._contrib = False

    def input(self, name: str, kind: str, shape: list) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, DATA_TYPES[kind], shape))
        return name

    def output(self, name: str, kind: str, shape: list) -> str:
        self.outputs.append(helper.make_tensor_value_info(name, DATA_TYPES[kind], shape))
        return name

    def node(
        self, operator: str, inputs: list[str], outputs: list[str] | None = None, domain: str = "", **attributes
    ) -> str:
        """Adds a node and returns its first output; a name is made up unless `outputs` gives names."""
        if outputs is None:
            outputs = [self._name(operator)]
        self._contrib = self._contrib or domain != ""
        self.nodes.append(helper.make_node(operator, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def split(self, value: str, sizes: list[int], axis: int) -> list[str]:
        """Cuts `value` along `axis` into parts of the given sizes."""
        stem = self._name("Split")
        parts = [f"{stem}_{index}" for index in range(len(sizes))]
        self.node("Split", [value, self.constant(sizes)], parts, axis=axis)
        return parts

    def silu(self, value: str) -> str:
        """`x * sigmoid(x)`, from standard operators."""
        return self.node("Mul", [value, self.node("Sigmoid", [value])])

    def _name(self, operator: str) -> str:
        self._count += 1
        return f"{operator.lower()}_{self._count}"

    def constant(self, values, dtype: npt.DTypeLike = np.int64) -> str:
        """A small inline initializer; equal ones are shared."""
        array = np.asarray(values, dtype=dtype)
        key = f"const_{array.dtype.name}_{'x'.join(map(str, array.shape))}_{array.tobytes().hex()}"
        if len(key) > 120:
            self._count += 1
            key = f"const_{self._count}"
        if key not in self.initializers:
            self.initializers[key] = numpy_helper.from_array(array, key)
        return key

    def weight(self, name: str, values: np.ndarray, widen: bool = True, file: WeightFile | None = None) -> str:
        """A float16 initializer in an external file, followed by a Cast to float32 (folded at load) if `widen`."""
        half = f"{name}.f16"
        if self._external(half, np.asarray(values, np.float16), file) and widen:
            self.node("Cast", [half], [name], to=TensorProto.FLOAT)
        return name if widen else half

    def matrix(self, name: str, values: np.ndarray) -> str:
        """A matrix `[in, out]` as int8 with one float32 scale per output channel. onnxruntime folds the Cast and the
        Mul once at load, so that every product is computed in float32."""
        if f"{name}.i8" not in self.initializers:
            integers, scales = self.integers(name, values)
            wide = self.node("Cast", [integers], to=TensorProto.FLOAT)
            self.node("Mul", [wide, scales], [name])
        return name

    def integers(self, name: str, values: np.ndarray) -> tuple[str, str]:
        """The same as it is stored: int8 `[in, out]` and float32 scales `[out]`."""
        stored, scales = to_int8(values)
        return self.stored(f"{name}.i8", stored), self.stored(f"{name}.scales", scales)

    def stored(self, name: str, values: np.ndarray) -> str:
        """An initializer in the external file, as it is."""
        self._external(name, values)
        return name

    def kernel(self, name: str, values: np.ndarray) -> str:
        """A convolution's weights `[out, in, h, w]` as int8 with one float32 scale per output channel; see `matrix`."""
        if f"{name}.i8" not in self.initializers:
            integers, scales = to_int8(values.reshape(len(values), -1).T)
            self._external(f"{name}.i8", integers.T.reshape(values.shape))
            self._external(f"{name}.scales", scales[:, None, None, None])
            wide = self.node("Cast", [f"{name}.i8"], to=TensorProto.FLOAT)
            self.node("Mul", [wide, f"{name}.scales"], [name])
        return name

    def _external(self, name: str, values: np.ndarray, file: WeightFile | None = None) -> bool:
        """Adds an initializer kept in an external file; False when this graph has it already."""
        if name in self.initializers:
            return False
        file = file or self.weights
        offset, length = file.add(name, values)
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        tensor = TensorProto(name=name, data_type=kind, dims=values.shape, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", file.path.name), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        self.initializers[name] = tensor
        return True

    def _name_lookups(self) -> None:
        """Names the look-ups in float16 tables, and the casts of what they find, `host_0`, `host_1`, ...: a GPU
        provider is told to leave them to the processor, so that a device needs no float16."""
        half = {name for name, tensor in self.initializers.items() if tensor.data_type == TensorProto.FLOAT16}
        found: set[str] = set()
        count = 0
        for node in self.nodes:
            looks_up = node.op_type == "Gather" and node.input[0] in half
            if looks_up:
                found.add(node.output[0])
            if looks_up or (node.op_type == "Cast" and node.input[0] in found):
                node.name = f"host_{count}"
                count += 1

    def save(self, path: Path) -> None:
        self._name_lookups()
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, list(self.initializers.values()))
        opsets = [helper.make_opsetid("", OPSET)]
        if self._contrib:
            opsets.append(helper.make_opsetid("com.microsoft", 1))
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="cinegraph")
        path.write_bytes(model.SerializeToString(deterministic=True))
