// Networks that are compressed without labels for the tables, with samples of what they are for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"

namespace qc::bench {

/// Where the samples of a network come from.
enum class SampleKind {
  kPictures,  ///< the 1000 of ImageNet in ../shared
  kCifar,     ///< test pictures of CIFAR-10 in ../shared
  kSteps,  ///< spoken features, a frame for each run, with the states that the network gave before
  kWindows,  ///< spoken features, an utterance for each run
  kText,     ///< bytes of an English text
};

/// A network of ../shared.
struct SubjectInfo {
  std::string_view name;
  std::string_view path;  ///< in ../shared/models
  SampleKind kind = SampleKind::kPictures;
  /// Of pictures the text of dataset.toml, of features the kind (speech_features.py).
  std::string_view config;
  std::size_t calibrate = 0;     ///< samples without labels, of which three tenths decide
  std::size_t judge = 0;         ///< others
  std::string_view scores = {};  ///< what --scores says, where the graph does not
  std::vector<std::uint64_t> targets = {};  ///< sizes of the curve; empty: parts of 6-bit sharing
};

const std::vector<SubjectInfo>& shrink_subjects();

/// A network with its samples, which are split by a fixed permutation; spoken ones by utterance.
class ShrinkSubject {
 public:
  /// With `quick`, few samples. Throws std::runtime_error where the samples cannot be made.
  ShrinkSubject(const SubjectInfo& info, const std::filesystem::path& shared, Engine& engine,
                bool quick);

  const SubjectInfo& info() const { return info_; }
  const std::filesystem::path& path() const { return path_; }
  const OnnxModel& model() const { return model_; }
  /// The first of the samples that calibrate.
  RunInputs calibrating(std::size_t most = SIZE_MAX) const;
  RunInputs deciding() const;
  RunInputs judged() const;

  struct Samples {
    std::size_t count = 0;
    bool ordered = false;  ///< neighbours belong together
    std::function<RunInputs(std::vector<std::size_t>)> some;
  };

 private:
  SubjectInfo info_;
  std::filesystem::path path_;
  harness::TempDir temp_;
  OnnxModel model_;
  Samples samples_;
  std::vector<std::size_t> calibrate_;
  std::vector<std::size_t> decide_;
  std::vector<std::size_t> judge_;
};

}  // namespace qc::bench
