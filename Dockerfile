# qcompress with its engine: `docker build -t qcompress .`, then
# `docker run --rm -v "$PWD:/work" qcompress shrink model.onnx --data samples`.
FROM debian:12-slim AS build
WORKDIR /source
COPY . .
RUN scripts/setup \
 && cmake --preset release \
 && cmake --build --preset release --target qcompress qcompress_torch qcompress_help \
 && cd build/release \
 && cpack -G DEB -D CPACK_COMPONENTS_ALL="program;engine" -B /packages

FROM debian:12-slim
COPY --from=build /packages/*.deb /packages/
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends /packages/*.deb \
 && rm -rf /packages /var/lib/apt/lists/*
WORKDIR /work
ENTRYPOINT ["qcompress"]
