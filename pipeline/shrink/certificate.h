// What `shrink` vouches for: how close its result is, on which samples, and how it was made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/judgement.h"
#include "pipeline/shrink/search.h"

namespace qc {

/// Kept as metadata "certificate" of a container, in JSON.
struct Certificate {
  std::string metric;    ///< "agreement"
  std::string output;    ///< that was judged
  double value = 0;      ///< of the metric; infinite where nothing differs
  double reference = 1;  ///< what the model itself has of it; infinite where there is no end
  double low = 0;        ///< of its 95% interval
  double high = 0;
  std::size_t samples = 0;
  std::string sample_digest;  ///< xxh3_128 of their inputs
  std::string model_digest;   ///< of the model that the result stands for (model_digest())
  /// How often samples of the certificate were looked at: more than once where the first result was
  /// not as close there as where it was chosen.
  int attempts = 1;
  std::size_t calibrated_on = 0;  ///< samples
  std::uint64_t seed = 0;         ///< of the split
  double lambda = 0;
  double allocation = 0;
  bool lockstep = false;
  bool distilled = false;
  std::string engine;  ///< "libtorch 1.13.1, 2 threads, cpu"
};

inline constexpr std::string_view kCertificateKey = "certificate";

Certificate make_certificate(const Closeness& closeness, const ShrinkPoint& point, bool lockstep);

/// xxh3_128 of the inputs of all samples, in hexadecimal digits.
std::string sample_digest(const RunInputs& inputs);

std::string certificate_json(const Certificate& certificate);
/// Nothing for a text that is none.
std::optional<Certificate> read_certificate(std::string_view text);

/// A few lines for people.
std::string certificate_text(const Certificate& certificate);

}  // namespace qc
