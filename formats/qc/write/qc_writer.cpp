#include "formats/qc/write/qc_writer.h"

#include "formats/qc/write/container_assembly.h"

namespace qc {

void write_container(const PackSource& source, const PackOptions& options, ByteSink& out) {
  assemble_container(source, options, out);
}

}  // namespace qc
