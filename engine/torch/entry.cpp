// The module's one exported function.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/version.h>

#include "core/error.h"
#include "engine/engine.h"
#include "engine/torch/memory_limit.h"
#include "engine/torch/network.h"
#include "engine/torch/op.h"

namespace qc::torch_engine {
namespace {

class TorchEngine final : public Engine {
 public:
  explicit TorchEngine(const EngineOptions& options)
      : threads_(options.threads), limits_(options.limits), device_(open_device(options.device)) {
    limit_tensor_memory(limits_.memory);
    at::set_num_threads(static_cast<int>(threads_));
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
    at::globalContext().setBenchmarkCuDNN(false);
  }

  std::string description() const override {
    return fmt::format("libtorch {}, {} threads, {}", TORCH_VERSION, threads_, device_.str());
  }

  std::unique_ptr<Network> load(LoadedModel model) override {
    return std::make_unique<TorchNetwork>(std::move(model), device_, limits_);
  }

  bool supports(const std::string& domain, const std::string& op,
                std::int64_t opset) const override {
    return find_operator(domain, op, opset) != nullptr;
  }

 private:
  static at::Device open_device(const std::string& name) {
    try {
      const at::Device device(name);
      at::empty({1}, at::device(device));
      return device;
    } catch (const c10::Error&) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("device '{}' is not there: this libtorch offers cpu{}", name,
                              at::globalContext().hasCUDA() ? " and cuda" : ""));
    }
  }

  unsigned threads_;
  ExecutionLimits limits_;
  at::Device device_;
};

}  // namespace
}  // namespace qc::torch_engine

extern "C" __attribute__((visibility("default"))) qc::Engine* qc_create_engine(
    int interface_version, const qc::EngineOptions& options) {
  if (interface_version != qc::kEngineInterface) return nullptr;
  return new qc::torch_engine::TorchEngine(options);
}
