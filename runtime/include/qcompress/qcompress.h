/* Reads .qc containers: the files of an ONNX model, packed by the program qcompress.
 *
 *   qcompress_container* model;
 *   qcompress_error error;
 *   if (qcompress_open_file("model.qc", NULL, &model, &error) != QCOMPRESS_OK) puts(error.text);
 *
 * Containers may come from strangers: whatever their bytes are, no call reads or writes outside the
 * memory that it was given, and none takes more than qcompress_options.max_memory. Memory comes
 * from the caller's allocator. Calls on one container are safe on several threads, but for
 * qcompress_close(). Strings end with a zero byte and live as long as their container.
 */
#ifndef QCOMPRESS_QCOMPRESS_H
#define QCOMPRESS_QCOMPRESS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) || defined(QCOMPRESS_STATIC)
#define QCOMPRESS_API
#else
#define QCOMPRESS_API __attribute__((visibility("default")))
#endif

typedef enum qcompress_status {
  QCOMPRESS_OK = 0,
  QCOMPRESS_ERROR_USAGE = 2,       /* a wrong argument, such as a buffer of another size */
  QCOMPRESS_ERROR_FILE = 3,        /* the file cannot be read */
  QCOMPRESS_ERROR_CORRUPT = 4,     /* damaged, hostile, or no .qc container */
  QCOMPRESS_ERROR_UNSUPPORTED = 5, /* of a newer version, or of a form that is not handled */
  QCOMPRESS_ERROR_LIMIT = 6,       /* takes more memory than qcompress_options.max_memory */
  QCOMPRESS_ERROR_MEMORY = 8       /* the allocator has no more memory */
} qcompress_status;

typedef struct qcompress_error {
  qcompress_status status;
  char text[244]; /* what is wrong and where; empty when nothing is */
} qcompress_error;

/* What a container may take and where it comes from. Zeros are defaults. */
typedef struct qcompress_options {
  /* Bytes of memory at a time, for everything but a mapping of the file: the index, and what a call
   * takes beside the caller's buffers. By default 128 MiB, or 16 times the container where that is
   * more. */
  uint64_t max_memory;
  /* As malloc() and free(), which are the default; both or none. Safe on several threads if the
   * container is used on several. */
  void* (*allocate)(void* context, size_t size);
  void (*release)(void* context, void* memory);
  void* context;
} qcompress_options;

typedef struct qcompress_container qcompress_container;

/* A file of the model. The first is the .onnx file; the paths of the others, which hold its
 * external data, are relative to its folder. */
typedef struct qcompress_file {
  const char* path;
  uint64_t size; /* bytes */
} qcompress_file;

/* A tensor of the model. */
typedef struct qcompress_tensor {
  const char* name; /* of the initializer; of a tensor in an attribute, its node's first output */
  int32_t type;     /* ONNX's TensorProto.DataType: 1 is float, 7 int64, 10 float16, ... */
  size_t rank;      /* number of dimensions */
  const int64_t* shape; /* of `rank` dimensions */
  uint64_t size; /* bytes of its elements, as qcompress_decode_tensor() gives them; 0 for strings,
                    which cannot be decoded, and for tensors without elements */
  uint64_t
      stored_size; /* bytes in the container; 0 for one that is in the graph or repeats another */
  const char* layout; /* how it is stored: "csr", "palette", ..., "pool", "repeat", "base" or
                         "graph" */
} qcompress_tensor;

/* "MAJOR.MINOR.PATCH" of this library. */
QCOMPRESS_API const char* qcompress_version(void);

/* Opens a container: reads its index and its graph, and decodes nothing. `options` and `error` may
 * be null. The file is mapped where the system can. On failure *container is null. */
QCOMPRESS_API qcompress_status qcompress_open_file(const char* path,
                                                   const qcompress_options* options,
                                                   qcompress_container** container,
                                                   qcompress_error* error);

/* The same for `size` bytes that outlive the container. */
QCOMPRESS_API qcompress_status qcompress_open_memory(const void* bytes, size_t size,
                                                     const qcompress_options* options,
                                                     qcompress_container** container,
                                                     qcompress_error* error);

/* Gives all memory back; null is ignored. */
QCOMPRESS_API void qcompress_close(qcompress_container* container);

/* How many files the model has: at least one. */
QCOMPRESS_API size_t qcompress_file_count(const qcompress_container* container);

/* File `index` from 0. QCOMPRESS_ERROR_USAGE when there is none. */
QCOMPRESS_API qcompress_status qcompress_get_file(const qcompress_container* container,
                                                  size_t index, qcompress_file* file);

/* Writes the bytes of a file, the very same that were packed, to `out`, which has the file's size,
 * and compares their checksum. */
QCOMPRESS_API qcompress_status qcompress_read_file(const qcompress_container* container,
                                                   size_t index, void* out, size_t size,
                                                   qcompress_error* error);

/* How many files the base of an update has: the model that it was made from, whose unchanged parts
 * it does not hold. 0 for a container that is complete. */
QCOMPRESS_API size_t qcompress_base_count(const qcompress_container* container);

/* File `index` of the base from 0. QCOMPRESS_ERROR_USAGE when there is none. */
QCOMPRESS_API qcompress_status qcompress_get_base(const qcompress_container* container,
                                                  size_t index, qcompress_file* file);

/* Gives an update the bytes of its base: for each file `files[i]`, of the size that
 * qcompress_get_base() says. They outlive the container. Before that, nothing that is made of the
 * base is decoded. QCOMPRESS_ERROR_USAGE when they are not those of the base. Not while other calls
 * use the container. */
QCOMPRESS_API qcompress_status qcompress_set_base(qcompress_container* container,
                                                  const void* const* files, size_t count,
                                                  qcompress_error* error);

/* How many tensors the model has: initializers, of subgraphs too, and tensors in attributes. */
QCOMPRESS_API size_t qcompress_tensor_count(const qcompress_container* container);

/* Tensor `index` from 0, in the order of the model. QCOMPRESS_ERROR_USAGE when there is none. */
QCOMPRESS_API qcompress_status qcompress_get_tensor(const qcompress_container* container,
                                                    size_t index, qcompress_tensor* tensor);

/* The first tensor of that name; SIZE_MAX when there is none. */
QCOMPRESS_API size_t qcompress_find_tensor(const qcompress_container* container, const char* name);

/* Writes the elements of a tensor to `out`, which has the tensor's size: little-endian, in
 * row-major order, as TensorProto.raw_data has them. Other tensors are not decoded, but for those
 * in a "pool" with it and the one that it repeats. */
QCOMPRESS_API qcompress_status qcompress_decode_tensor(const qcompress_container* container,
                                                       size_t index, void* out, size_t size,
                                                       qcompress_error* error);

/* Decodes everything and compares all checksums; keeps nothing. */
QCOMPRESS_API qcompress_status qcompress_verify(const qcompress_container* container,
                                                qcompress_error* error);

/* What was stored with the model under that key; null when there is nothing. *size, unless null, is
 * its length without the zero byte that ends it. */
QCOMPRESS_API const char* qcompress_metadata(const qcompress_container* container, const char* key,
                                             size_t* size);

#ifdef __cplusplus
}
#endif

#endif
