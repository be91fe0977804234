// A large model made from a seed: what pruning and sharing leave of a big network.
#pragma once

#include <cstddef>
#include <filesystem>

namespace qc::bench {

/// Writes a chain of MatMul layers with `weights` float32 weights in all, of which 10% are not zero
/// and take 32 values, rare ones and frequent ones. The same bytes on every machine.
void write_large_model(const std::filesystem::path& path, std::size_t weights);

}  // namespace qc::bench
