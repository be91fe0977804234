// Decode contexts for threads that come and go.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "codecs/decode/decode_context.h"

namespace qc {

/// As many contexts as are in use at a time, kept for the next.
class ContextPool {
 public:
  /// Each for tensors that take at most `most` bytes.
  explicit ContextPool(std::uint64_t most) : most_(most) {}

  std::unique_ptr<DecodeContext> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<DecodeContext>(most_);
    auto context = std::move(free_.back());
    free_.pop_back();
    return context;
  }

  void give(std::unique_ptr<DecodeContext> context) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(context));
  }

 private:
  std::uint64_t most_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<DecodeContext>> free_;
};

}  // namespace qc
