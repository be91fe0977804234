"""Trains one epoch on MNIST with PyTorch and prints the seconds it took.
usage: train_pytorch.py lenet-300-100|lenet-5 MNIST_FOLDER THREADS"""
import gzip
import sys
import time

import numpy
import torch
from torch import nn

network, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)


def read(name, header):
    with gzip.open(f"{folder}/{name}") as file:
        return numpy.frombuffer(file.read(), numpy.uint8)[header:]


images = torch.from_numpy(read("train-images-idx3-ubyte.gz", 16).copy()).view(-1, 1, 28, 28) / 255
labels = torch.from_numpy(read("train-labels-idx1-ubyte.gz", 8).copy()).long()

if network == "lenet-5":
    model = nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))
else:
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(),
        nn.Linear(100, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

start = time.perf_counter()
order = torch.randperm(len(images))
for i in range(0, len(order), 64):
    batch = order[i:i + 64]
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
    optimizer.step()
print(time.perf_counter() - start)
