#include <qcompress/qcompress.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char** argv) {
  qcompress_container* model;
  qcompress_error error;
  qcompress_file file;
  if (argc != 3) return 2;
  if (qcompress_open_file(argv[1], NULL, &model, &error)) return puts(error.text), 1;
  qcompress_get_file(model, 0, &file); /* the .onnx file; others hold its external data */
  void* bytes = malloc(file.size);
  if (qcompress_read_file(model, 0, bytes, file.size, &error)) return puts(error.text), 1;
  FILE* out = fopen(argv[2], "wb");
  return out == NULL || fwrite(bytes, 1, file.size, out) != file.size || fclose(out) != 0;
}
