#include <qcompress/qcompress.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char** argv) {
  qcompress_container* model = NULL;
  qcompress_error error = {QCOMPRESS_ERROR_USAGE, "usage: unpack model.qc > model.onnx"};
  qcompress_file file = {NULL, 0}; /* the .onnx file; others hold its external data */
  if (argc == 2) qcompress_open_file(argv[1], NULL, &model, &error);
  if (model != NULL) qcompress_get_file(model, 0, &file);
  void* bytes = malloc(file.size);
  if (model != NULL) qcompress_read_file(model, 0, bytes, file.size, &error);
  if (error.status != QCOMPRESS_OK) fprintf(stderr, "%s\n", error.text);
  int failed = error.status != QCOMPRESS_OK || fwrite(bytes, 1, file.size, stdout) != file.size;
  return free(bytes), qcompress_close(model), failed || fflush(stdout) != 0;
}
