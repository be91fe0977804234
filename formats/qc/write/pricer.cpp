#include "formats/qc/write/pricer.h"

#include <utility>

#include "formats/qc/write/container_assembly.h"

namespace qc {

Pricer::Pricer(PackOptions options)
    : options_(std::move(options)), memory_(std::make_unique<PackMemory>()) {
  options_.progress = {};
}

Pricer::~Pricer() = default;
Pricer::Pricer(Pricer&&) noexcept = default;
Pricer& Pricer::operator=(Pricer&&) noexcept = default;

std::uint64_t Pricer::price(const PackSource& source) {
  PackSource kept = source;
  kept.release = [](ByteView) {};
  return size_container(kept, options_, *memory_);
}

}  // namespace qc
