// Where bytes go.
#pragma once

#include <cstddef>
#include <utility>

#include "core/bytes.h"

namespace qc {

/// Somewhere bytes go, front to back.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void write(ByteView bytes) = 0;
  /// Forgets everything written so far.
  virtual void restart() = 0;
};

/// Collects what is written in memory.
class MemorySink final : public ByteSink {
 public:
  void write(ByteView bytes) override { append(bytes_, bytes); }
  void restart() override { bytes_.clear(); }
  /// For so many bytes in all: growing takes as much again.
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  const Bytes& bytes() const noexcept { return bytes_; }
  Bytes take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

}  // namespace qc
