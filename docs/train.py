"""Trains a small network on idx files with PyTorch and writes it as ONNX: train.py DATA OUT.onnx"""

import pathlib
import sys

import numpy
import torch
from torch import nn


def images(path):
    pixels = numpy.fromfile(path, numpy.uint8)[16:].reshape(-1, 1, 28, 28)
    return torch.from_numpy(pixels).float() / 255


def labels(path):
    return torch.from_numpy(numpy.fromfile(path, numpy.uint8)[8:]).long()


data, out = map(pathlib.Path, sys.argv[1:])
torch.manual_seed(1)
inputs = images(data / "train-images-idx3-ubyte")
targets = labels(data / "train-labels-idx1-ubyte")

network = nn.Sequential(
    nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10),
)
optimizer = torch.optim.Adam(network.parameters(), lr=0.002)
for epoch in range(4):
    for batch in torch.randperm(len(inputs)).split(64):
        loss = nn.functional.cross_entropy(network(inputs[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.4f}")

network.eval()
torch.onnx.export(network, inputs[:1], out, input_names=["image"], output_names=["scores"],
                  dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}})
