"""Clusters a file of float32 values with scikit-learn on one thread.

Prints the seconds of the clustering and the sum of squared errors.
usage: kmeans_sklearn.py FILE CENTROIDS
"""

import sys
import time

import numpy
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

values = numpy.fromfile(sys.argv[1], dtype=numpy.float32).reshape(-1, 1)
means = KMeans(n_clusters=int(sys.argv[2]), n_init=1, random_state=0)
with threadpool_limits(1):
    start = time.perf_counter()
    means.fit(values)
    seconds = time.perf_counter() - start
centroids = numpy.sort(means.cluster_centers_.astype(numpy.float64).ravel())
borders = (centroids[1:] + centroids[:-1]) / 2
nearest = centroids[numpy.searchsorted(borders, values.ravel())]
print(seconds, float(((values.ravel().astype(numpy.float64) - nearest) ** 2).sum()))
