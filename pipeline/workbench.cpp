#include "pipeline/workbench.h"

#include <utility>

namespace qc {

void Workbench::visit(
    const OnnxModel& model, std::span<const std::size_t> tensors,
    const std::function<PayloadEdits(std::size_t tensor, const Moments& moments)>& visit) {
  CalibrationJob job;
  job.inputs = calibration_samples(model);
  job.tensors.assign(tensors.begin(), tensors.end());
  job.visit = visit;
  engine().load(load_model(model))->calibrate(job);
}

std::map<std::size_t, std::vector<float>> Workbench::gradient_squares(
    const OnnxModel& model, std::span<const std::size_t> tensors) {
  SensitivityJob job;
  job.inputs = calibration_samples(model);
  job.tensors.assign(tensors.begin(), tensors.end());
  job.outputs = losses(model);
  std::map<std::size_t, std::vector<float>> squares;
  for (TensorSensitivity& each : engine().load(load_model(model))->sensitivity(job)) {
    squares[each.tensor] = std::move(each.squares);
  }
  return squares;
}

TrainJob train_job(const OnnxModel& model, const TuneRequest& request, TrainObserver& observer) {
  TrainJob job;
  job.options = request.options;
  job.constraints = request.constraints;
  job.resume_from = request.resume_from;
  job.observer = &observer;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& tensor = model.tensors()[i];
    if (tensor.has_values() && tensor.role != Role::kOther) job.tensors.push_back(i);
  }
  return job;
}

}  // namespace qc
