// The call of a convolution, which other parts change after it was planned.
#pragma once

#include <cstddef>

namespace qc::c {

/// The arguments of qk_conv.
struct ConvCall {
  enum : std::size_t {
    kFunction,
    kInput,
    kBatch,
    kGroups,
    kChannels,
    kRows,
    kWindow,
    kBlock,
    kPatches,
    kScratch,
    kOutput,
    kCount
  };
};

}  // namespace qc::c
