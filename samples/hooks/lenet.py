#!/usr/bin/python3
"""A hook for qcompress that fine-tunes and evaluates LeNet-like ONNX classifiers with PyTorch.

  --finetune-cmd 'samples/hooks/lenet.py finetune {model} {out} --masks {masks} --data DIR'
  --eval-cmd 'samples/hooks/lenet.py evaluate {model} --data DIR'

DIR holds MNIST's four idx files, gzipped or not. To adapt this to a model and data of your own,
replace `load_data` and, where the network has other operators, extend `Network.forward`; the rest
is the contract with qcompress (samples/hooks/README.md).
"""
import argparse
import gzip
import json
import pathlib

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


def read_idx(folder, name):
    """An idx file, as an array: two zero bytes, type, rank, big-endian sizes, elements."""
    path = pathlib.Path(folder) / name
    data = path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()
    rank = data[3]
    shape = np.frombuffer(data, ">i4", rank, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load_data(folder, split):
    """Samples [N, 1, height, width] in [0, 1] and labels of "train", "validation" or "test".

    Validation is the end of the training set: what guides pruning must not be the test set.
    """
    prefix = "t10k" if split == "test" else "train"
    images = read_idx(folder, f"{prefix}-images-idx3-ubyte")
    labels = read_idx(folder, f"{prefix}-labels-idx1-ubyte")
    held_out = min(5000, len(labels) // 10 + 1)
    part = {"train": slice(None, -held_out), "validation": slice(-held_out, None)}.get(split)
    if part is not None:
        images, labels = images[part], labels[part]
    samples = torch.from_numpy(images.astype(np.float32) / 255).unsqueeze(1)
    return samples, torch.from_numpy(labels.astype(np.int64))


class Network(torch.nn.Module):
    """Executes the ONNX graph node by node; its float initializers are the parameters."""

    def __init__(self, model):
        super().__init__()
        self.graph = model.graph
        self.weights = {}  # by ONNX name, which torch's own registration does not allow
        self.constants = {}
        for tensor in self.graph.initializer:
            value = numpy_helper.to_array(tensor)
            if value.dtype.kind == "f":
                # Half precision is trained in single precision.
                self.weights[tensor.name] = torch.nn.Parameter(torch.tensor(value).float())
            else:
                self.constants[tensor.name] = torch.tensor(value)
        self.parameter_list = torch.nn.ParameterList(self.weights.values())
        self.input = next(i.name for i in self.graph.input if i.name not in self.weights
                          and i.name not in self.constants)
        self.takes_vectors = self.graph.node[0].op_type in ("Gemm", "MatMul")

    def forward(self, samples):
        if self.takes_vectors:
            samples = samples.flatten(1)
        values = {**self.constants, **self.weights, self.input: samples}
        for node in self.graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            inputs = [values[name] for name in node.input if name]
            values[node.output[0]] = self.apply_node(node, attributes, *inputs)
        return values[self.graph.output[0].name]

    def apply_node(self, node, attributes, *inputs):
        op, x = node.op_type, inputs[0] if inputs else None
        if op == "Conv":
            return F.conv2d(pad(x, attributes, inputs[1].shape[2:], 0.0), *inputs[1:],
                            stride=attributes.get("strides", 1),
                            dilation=attributes.get("dilations", 1),
                            groups=attributes.get("group", 1))
        if op == "MaxPool":
            window = attributes["kernel_shape"]
            return F.max_pool2d(pad(x, attributes, window, -float("inf")), window,
                                attributes.get("strides", 1))
        if op == "Gemm":
            weight = inputs[1].t() if attributes.get("transB", 0) else inputs[1]
            result = attributes.get("alpha", 1.0) * (x @ weight)
            return result + attributes.get("beta", 1.0) * inputs[2] if len(inputs) > 2 else result
        if op == "MatMul":
            return x @ inputs[1]
        if op == "Add":
            return x + inputs[1]
        if op == "Relu":
            return F.relu(x)
        if op == "Flatten" and attributes.get("axis", 1) == 1:
            return x.flatten(1)
        if op == "Reshape" and len(inputs) == 2:
            shape = inputs[1].tolist()
            # Of a weight: as it is said. Of samples: their number stays, whatever the model says.
            return x.reshape(shape if node.input[0] in self.weights else [len(x), *shape[1:]])
        if op in ("Identity", "Dropout", "Softmax", "LogSoftmax"):
            return x  # the loss works on scores, and Softmax does not change which is the highest
        if op == "Constant":
            return torch.tensor(numpy_helper.to_array(attributes["value"]))
        raise SystemExit(f"operator {op} is not known to this hook: add it to Network.apply_node")


def pad(x, attributes, window, value):
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    if attributes.get("auto_pad", b"NOTSET") in (b"SAME_UPPER", b"SAME_LOWER"):
        if set(attributes.get("strides", [1])) != {1}:
            raise SystemExit("auto_pad with strides is not known to this hook")
        top, left = ((size - 1) // 2 for size in window)
        bottom, right = ((size - 1) - (size - 1) // 2 for size in window)
        if attributes["auto_pad"] == b"SAME_LOWER":
            top, bottom, left, right = bottom, top, right, left
    return F.pad(x, (left, right, top, bottom), value=value)


class Constraints:
    """What may not change: pruned weights stay zero, shared weights stay equal."""

    def __init__(self, path, weights):
        self.of = []
        for name, array in np.load(path).items() if path else ():
            if array.dtype == bool:  # False: stays zero
                self.of.append((weights[name], torch.from_numpy(array), None))
            else:  # 0: stays zero; elements of the same number share a value
                groups = torch.from_numpy(array.astype(np.int64))
                self.of.append((weights[name], groups != 0, groups.flatten()))

    def on_gradients(self):
        """Call before the optimiser's step. Needs an optimiser without weight decay."""
        for weight, kept, groups in self.of:
            weight.grad *= kept
            if groups is not None:  # one gradient for each shared value (Deep Compression, eq. 3)
                sums = torch.zeros(int(groups.max()) + 1)
                sums.index_add_(0, groups, weight.grad.flatten())
                weight.grad.copy_(sums[groups].view_as(weight))


def train(network, samples, labels, constraints, arguments):
    optimiser = torch.optim.Adam(network.parameters(), lr=arguments.learning_rate)
    for epoch in range(1, arguments.epochs + 1):
        total = 0.0
        for batch in torch.randperm(len(labels)).split(arguments.batch):
            loss = F.cross_entropy(network(samples[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            constraints.on_gradients()
            optimiser.step()
            total += loss.item() * len(batch)
        print(f"epoch {epoch}/{arguments.epochs}  loss {total / len(labels):.4f}", flush=True)


def finetune(arguments):
    torch.manual_seed(arguments.seed)
    model = onnx.load(arguments.model)  # external data too
    network = Network(model)
    constraints = Constraints(arguments.masks, network.weights)
    try:
        train(network, *load_data(arguments.data, "train"), constraints, arguments)
    except KeyboardInterrupt:
        print("interrupted: what was learnt so far is kept", flush=True)
    for tensor in model.graph.initializer:
        if tensor.name in network.weights:
            kind = numpy_helper.to_array(tensor).dtype
            values = network.weights[tensor.name].detach().numpy().astype(kind)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, arguments.out)


def evaluate(arguments):
    network = Network(onnx.load(arguments.model))
    samples, labels = load_data(arguments.data, arguments.split)
    with torch.no_grad():
        right = sum((network(x).argmax(1) == y).sum().item()
                    for x, y in zip(samples.split(1000), labels.split(1000)))
    print(json.dumps({"metric": "top1", "value": right / len(labels), "unit": "fraction",
                      "higher_is_better": True}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    modes = parser.add_subparsers(dest="mode", required=True)
    mode = modes.add_parser("finetune")
    mode.add_argument("model")
    mode.add_argument("out")
    mode.add_argument("--masks")
    mode.add_argument("--data", required=True)
    mode.add_argument("--epochs", type=int, default=3)
    mode.add_argument("--batch", type=int, default=128)
    mode.add_argument("--learning-rate", type=float, default=5e-4)
    mode.add_argument("--seed", type=int, default=1)
    mode = modes.add_parser("evaluate")
    mode.add_argument("model")
    mode.add_argument("--data", required=True)
    mode.add_argument("--split", choices=["validation", "test"], default="validation")
    arguments = parser.parse_args()
    {"finetune": finetune, "evaluate": evaluate}[arguments.mode](arguments)


if __name__ == "__main__":
    main()
