#include "shrink_subjects.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "data/batches.h"
#include "data/feed_source.h"
#include "pipeline/run_inputs.h"
#include "programs.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kText = "/usr/share/common-licenses/GPL-3";
constexpr std::size_t kTextBytes = 150;  // of a sample
constexpr std::size_t kFrames = 80;      // of an utterance
constexpr std::size_t kEvery = 4;        // of the frames one is a sample

ShrinkSubject::Samples of_feeds(std::shared_ptr<FeedSource> feeds) {
  const std::size_t count = feeds->size();
  return {count, false, [feeds = std::move(feeds)](std::vector<std::size_t> some) {
            RunInputs inputs = run_inputs(*feeds, std::move(some));
            // The source lives as long as what reads it.
            inputs.load = [feeds, load = std::move(inputs.load)](std::size_t i) { return load(i); };
            inputs.label = {};
            return inputs;
          }};
}

ShrinkSubject::Samples of_tensors(std::vector<std::vector<HostTensor>> all) {
  const std::size_t count = all.size();
  auto shared = std::make_shared<std::vector<std::vector<HostTensor>>>(std::move(all));
  return {count, true, [shared](std::vector<std::size_t> some) {
            const std::size_t size = some.size();
            return RunInputs{size, [shared, some = std::move(some)](std::size_t i) {
                               return shared->at(some.at(i));
                             }};
          }};
}

// Zeros for an input, with 1 for every dimension that the graph leaves open.
HostTensor zeros(const GraphValue& input) {
  HostTensor tensor{input.type, input.dims, {}};
  std::size_t count = 1;
  for (std::int64_t& dim : tensor.dims) {
    if (dim < 0) dim = 1;
    count *= static_cast<std::size_t>(dim);
  }
  tensor.bytes.resize(count * sizeof(float));
  return tensor;
}

// The features of an utterance after the other.
std::vector<Bytes> spoken(std::string_view kind, std::size_t utterances, const fs::path& folder) {
  const fs::path file = folder / "features.bin";
  run_command({"speech_features.py",
               QC_SPEECH_FEATURES,
               {std::string(kind), file, std::to_string(utterances), std::to_string(kFrames)},
               {}});
  const std::string text = harness::read_file(file);
  std::vector<Bytes> all(utterances);
  const std::size_t size = text.size() / utterances;
  for (std::size_t i = 0; i < utterances; ++i) {
    all[i].resize(size);
    std::memcpy(all[i].data(), text.data() + i * size, size);
  }
  return all;
}

// A frame for each run. State input number k is what output number k was before.
std::vector<std::vector<HostTensor>> stepped(const OnnxModel& model, Engine& engine,
                                             const std::vector<Bytes>& utterances) {
  const Graph& graph = model.graph()->main;
  const auto network = engine.load(load_model(model));
  std::vector<std::vector<HostTensor>> samples;
  for (const Bytes& utterance : utterances) {
    std::vector<HostTensor> inputs;
    for (const GraphValue& input : graph.inputs) inputs.push_back(zeros(input));
    Bytes& frame = inputs.front().bytes;
    for (std::size_t t = 0; t < kFrames; ++t) {
      std::memcpy(frame.data(), utterance.data() + t * frame.size(), frame.size());
      if (t % kEvery == kEvery - 1) samples.push_back(inputs);
      std::vector<HostTensor> outputs = network->run(inputs);
      for (std::size_t k = 1; k < inputs.size(); ++k) inputs[k].bytes = std::move(outputs[k].bytes);
    }
  }
  return samples;
}

std::vector<std::vector<HostTensor>> windows(const OnnxModel& model,
                                             std::vector<Bytes> utterances) {
  const GraphValue& input = model.graph()->main.inputs.front();
  std::vector<std::vector<HostTensor>> samples;
  for (Bytes& utterance : utterances) {
    const auto width = static_cast<std::int64_t>(utterance.size() / sizeof(float) / kFrames);
    samples.push_back(
        {{input.type, {1, static_cast<std::int64_t>(kFrames), width}, std::move(utterance)}});
  }
  return samples;
}

std::vector<std::vector<HostTensor>> pieces_of_text() {
  const std::string text = harness::read_file(kText);
  std::vector<std::vector<HostTensor>> samples;
  for (std::size_t i = 0; i + kTextBytes <= text.size(); i += kTextBytes) {
    HostTensor tensor{DataType::kUint8, {1, static_cast<std::int64_t>(kTextBytes)}, {}};
    tensor.bytes.resize(kTextBytes);
    std::memcpy(tensor.bytes.data(), text.data() + i, kTextBytes);
    samples.push_back({std::move(tensor)});
  }
  return samples;
}

ShrinkSubject::Samples open_samples(const SubjectInfo& info, const OnnxModel& model, Engine& engine,
                                    const fs::path& shared, const fs::path& folder,
                                    std::size_t needed) {
  const Graph& graph = model.graph()->main;
  switch (info.kind) {
    case SampleKind::kPictures: {
      const fs::path config = folder / "dataset.toml";
      harness::write_file(config, std::string(info.config));
      return of_feeds(
          open_feeds({shared / "data/imagenet-sample-1000/images", config}, Split::kTrain, graph));
    }
    case SampleKind::kCifar:
      return of_feeds(
          open_feeds({unpack_cifar(shared, folder), harness::source_dir() / info.config},
                     Split::kTest, graph));
    case SampleKind::kSteps: {
      const std::size_t utterances = (needed * kEvery + kFrames - 1) / kFrames;
      return of_tensors(stepped(model, engine, spoken(info.config, utterances, folder)));
    }
    case SampleKind::kWindows:
      return of_tensors(windows(model, spoken(info.config, needed, folder)));
    case SampleKind::kText:
      return of_tensors(pieces_of_text());
  }
  throw std::logic_error("open_samples: no such kind");
}

}  // namespace

const std::vector<SubjectInfo>& shrink_subjects() {
  using enum SampleKind;
  constexpr std::string_view kSigned = "mean = 0.5\nstd = 0.5\n";
  constexpr std::string_view kUnit = "";
  constexpr std::string_view kBytes = "scale = 1\nchannels = \"BGR\"\n";
  constexpr std::string_view kCifarConfig = "samples/data/cifar-10.toml";
  static const std::vector<SubjectInfo> kSubjects = {
      {"SqueezeNet 1.1",
       "converted/squeezenet_f32_from_fp16.onnx",
       kPictures,
       "resize = 256\ncrop = 224\nchannels = \"BGR\"\nscale = 1\nmean = [104, 117, 123]\n",
       300,
       700,
       "",
       {720'000, 620'000, 540'000, 450'000, 400'000, 330'000}},
      {"MobileNetV2 0.35 128",
       "mobilenet_v2_035_128/mobilenet_v2_0.35_128_tfs_channel_first.onnx",
       kPictures,
       "resize = 144\ncrop = 128\nmean = 0.5\nstd = 0.5\n",
       300,
       700,
       "",
       {200'000, 160'000, 140'000, 118'000, 100'000, 85'000}},
      {"MobileNetV2 0.5 128", "mobilenet_v2_128_05/mobilenet_v2_128_0.5.onnx", kPictures, kSigned,
       100, 200},
      {"YOLOX nano", "yolox_nano/yolox_nano.onnx", kPictures, kBytes, 60, 40},
      {"FaceBoxesV2", "faceboxesv2/faceboxesv2-640x640.onnx", kPictures, kBytes, 30, 30},
      {"FastestDet", "fastestdet/FastestDet.onnx", kPictures, kUnit, 60, 60},
      {"YuNet n", "yunet/yunet_n_320_320.onnx", kPictures, kBytes, 60, 60},
      {"sub-pixel CNN", "super_resolution/super_resolution.onnx", kPictures, kUnit, 8, 16},
      {"style transfer", "fns_candy/fns-candy.onnx", kPictures, "scale = 1\n", 8, 16},
      {"PFLD 106 lite", "pfld_106_lite/pfld-106-lite.onnx", kPictures, kUnit, 100, 200},
      {"text angle", "chineseocr_angle/angle_net.onnx", kPictures, kSigned, 100, 200},
      {"ResNet-20", "converted/resnet20_cifar10.onnx", kCifar, kCifarConfig, 200, 1000, "logits"},
      {"ResNet-56", "converted/resnet56_cifar10.onnx", kCifar, kCifarConfig, 200, 1000, "logits"},
      {"DTLN 1", "dtln/model_1.onnx", kSteps, "magnitude", 200, 200},
      {"GTCRN", "gtcrn/gtcrn_simple.onnx", kSteps, "spectrum", 200, 200},
      {"TEN VAD", "ten_vad/ten-vad.onnx", kSteps, "mel-pitch", 200, 200},
      {"FSMN VAD", "fsmn_vad/fsmnvad-offline.onnx", kWindows, "mel-stack", 40, 40},
      {"byte BiLSTM", "byte_bilstm/model.onnx", kText, "", 100, 100},
  };
  return kSubjects;
}

ShrinkSubject::ShrinkSubject(const SubjectInfo& info, const fs::path& shared, Engine& engine,
                             bool quick)
    : info_(info), path_(shared / "models" / info.path), model_(OnnxModel::open(path_)) {
  const std::size_t calibrate = quick ? 12 : info.calibrate;
  const std::size_t judge = quick ? 10 : info.judge;
  samples_ = open_samples(info, model_, engine, shared, temp_.path(), calibrate + judge);
  if (samples_.count < calibrate + judge) {
    throw std::runtime_error(fmt::format("{}: only {} samples", info.name, samples_.count));
  }
  std::vector<std::size_t> order(samples_.count);
  if (samples_.ordered) {
    std::iota(order.begin(), order.end(), std::size_t{0});
  } else {
    order = shuffled(samples_.count, 0, 0);
  }
  const auto at = [&](std::size_t i) { return order.begin() + static_cast<std::ptrdiff_t>(i); };
  const std::size_t decide = calibrate * 3 / 10;
  calibrate_.assign(at(0), at(calibrate - decide));
  decide_.assign(at(calibrate - decide), at(calibrate));
  judge_.assign(at(order.size() - judge), order.end());
}

RunInputs ShrinkSubject::calibrating(std::size_t most) const {
  std::vector<std::size_t> some = calibrate_;
  if (some.size() > most) some.resize(most);
  return samples_.some(std::move(some));
}

RunInputs ShrinkSubject::deciding() const { return samples_.some(decide_); }

RunInputs ShrinkSubject::judged() const { return samples_.some(judge_); }

}  // namespace qc::bench
