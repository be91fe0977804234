// The size of a container without writing it, for those who ask again and again.
#pragma once

#include <cstdint>
#include <memory>

#include "formats/qc/write/pack_options.h"
#include "formats/qc/write/pack_source.h"

namespace qc {

struct PackMemory;

/// Tells the sizes of containers to the byte. What it coded once it knows by digests, so a source
/// in which a tensor was changed costs that tensor, the digests of all and the index; where tensors
/// share bytes, also a look at the model as a whole, as packing does. What is remembered takes 64
/// MiB at most (PackMemory). One call at a time.
class Pricer {
 public:
  /// The options' progress is not told of anything.
  explicit Pricer(PackOptions options);
  ~Pricer();
  Pricer(Pricer&&) noexcept;
  Pricer& operator=(Pricer&&) noexcept;

  /// The bytes that write_container() would write with the same options. Throws as it does. The
  /// source is not told of bytes that are not read again soon: another call may read them.
  std::uint64_t price(const PackSource& source);

 private:
  PackOptions options_;
  std::unique_ptr<PackMemory> memory_;
};

}  // namespace qc
