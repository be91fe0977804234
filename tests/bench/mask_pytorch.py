"""Prunes a LeNet-5 with torch.nn.utils.prune and exports it before and after prune.remove.

    python3 mask_pytorch.py MODEL.onnx FOLDER KEPT...

MODEL.onnx has the weights (Conv, Conv, Gemm, Gemm as in samples/models/lenet-5.onnx), KEPT is how many
of each layer's stay. Writes FOLDER/masked.onnx, in whose graph the masks multiply weights, and
FOLDER/removed.onnx, in which prune.remove has multiplied them: -0.0 wherever a negative weight was.
"""
import sys

import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn.utils import prune


class LeNet(nn.Module):
    def __init__(self, weights):
        super().__init__()
        conv1, _, conv2, _, fc1, _, fc2, _ = weights
        self.conv1 = nn.Conv2d(conv1.shape[1], conv1.shape[0], conv1.shape[2])
        self.conv2 = nn.Conv2d(conv2.shape[1], conv2.shape[0], conv2.shape[2])
        self.fc1 = nn.Linear(fc1.shape[1], fc1.shape[0])
        self.fc2 = nn.Linear(fc2.shape[1], fc2.shape[0])
        with torch.no_grad():
            for parameter, value in zip(self.parameters(), weights):
                parameter.copy_(value)

    def layers(self):
        return [self.conv1, self.conv2, self.fc1, self.fc2]

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv1(x), 2)
        x = nn.functional.max_pool2d(self.conv2(x), 2)
        x = torch.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc2(x)


def read_weights(path):
    """Weights and biases in the order of the layers; those of Linear are {out, in}."""
    graph = onnx.load(path).graph
    tensors = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    weights = []
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            continue
        weight, bias = (tensors[name] for name in node.input[1:3])
        transposed = any(a.name == "transB" and a.i == 1 for a in node.attribute)
        if node.op_type == "Gemm" and not transposed:
            weight = weight.t()
        weights += [weight, bias]
    return weights


def export(model, path):
    # Folding would multiply the masks out; people switch it off, or train on.
    torch.onnx.export(model.eval(), torch.zeros(1, 1, 28, 28), path, opset_version=13,
                      do_constant_folding=False, input_names=["x"], output_names=["y"])


def main():
    source, folder, *kept = sys.argv[1:]
    model = LeNet(read_weights(source))
    for layer, count in zip(model.layers(), kept):
        prune.l1_unstructured(layer, "weight", amount=layer.weight.numel() - int(count))
    export(model, folder + "/masked.onnx")
    for layer in model.layers():
        prune.remove(layer, "weight")
    export(model, folder + "/removed.onnx")


main()
