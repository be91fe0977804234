// Results that are known by a digest of what they were made from.
#pragma once

#include <cstddef>
#include <cstring>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "formats/qc/decode/checksum.h"

namespace qc {

/// Holds the values that were used last, in a bounded amount of memory. Safe on several threads.
/// Contents with the same digest are taken to be the same: among 2^32 of them two that differ share
/// one of 128 bits with a chance of 2^-65.
template <typename Value>
class DigestCache {
 public:
  explicit DigestCache(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// The value that was added with that digest, unless it was dropped meanwhile.
  std::optional<Value> find(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    const auto found = at_.find(digest);
    if (found == at_.end()) return std::nullopt;
    latest_.splice(latest_.begin(), latest_, found->second);
    return found->second->value;
  }

  /// Adds a value that refers to so many bytes beside its own, and drops those that were not used
  /// for the longest time when there is no room.
  void add(const Digest& digest, Value value, std::size_t more_bytes = 0) {
    const std::lock_guard lock(mutex_);
    if (at_.contains(digest)) return;
    latest_.push_front({digest, std::move(value), kEntryBytes + more_bytes});
    at_.emplace(digest, latest_.begin());
    bytes_ += latest_.front().bytes;
    while (bytes_ > most_bytes_) {
      bytes_ -= latest_.back().bytes;
      at_.erase(latest_.back().digest);
      latest_.pop_back();
    }
  }

  /// What a value takes that refers to nothing, bytes, more or less.
  static constexpr std::size_t kEntryBytes = sizeof(Value) + 144;

 private:
  struct Entry {
    Digest digest;
    Value value;
    std::size_t bytes;
  };

  struct FirstPart {
    std::size_t operator()(const Digest& digest) const noexcept {
      std::size_t part = 0;
      std::memcpy(&part, digest.data(), sizeof part);
      return part;
    }
  };

  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::mutex mutex_;
  std::list<Entry> latest_;  // what was used last comes first
  std::unordered_map<Digest, typename std::list<Entry>::iterator, FirstPart> at_;
};

}  // namespace qc
