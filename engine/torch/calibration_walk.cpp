#include "engine/torch/calibration_walk.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "engine/torch/convert.h"
#include "engine/torch/product_columns.h"

namespace qc::torch_engine {
namespace {

std::uint64_t size_of(const Frontier& frontier) {
  std::uint64_t bytes = 0;
  for (const auto& [name, value] : frontier.values) {
    if (value.tensor.defined()) bytes += value.tensor.nbytes();
    if (value.sequence == nullptr) continue;
    for (const at::Tensor& each : *value.sequence) bytes += each.nbytes();
  }
  return bytes;
}

}  // namespace

CalibrationWalk::CalibrationWalk(const LoadedModel& model, Interpreter& current,
                                 Interpreter& reference, at::Device device,
                                 const CalibrationJob& job)
    : model_(model), current_(current), reference_(reference), device_(device), job_(job) {
  find_events();
}

void CalibrationWalk::find_events() {
  const Graph& graph = model_.graph->main;
  std::unordered_map<const Node*, std::size_t> places;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) places[&graph.nodes[i]] = i;
  const auto uses = matrix_uses(graph);
  for (const std::size_t tensor : job_.tensors) {
    const auto found = uses.find(tensor);
    if (found == uses.end()) continue;
    const std::size_t first = events_.size();
    for (const MatrixUse& use : found->second) {
      const auto form = matrix_form(*use.node, use.input, model_.tensors[tensor].dims);
      // Uses as another matrix cannot be added to the first.
      if (!form || (events_.size() > first && *form != events_[first].form)) continue;
      events_.push_back({places.at(use.node), tensor, use.input, *form, false});
    }
    if (events_.size() > first) events_.back().last = true;
  }
  std::ranges::stable_sort(events_, {}, &Event::node);
}

CalibrationWalk::Sample CalibrationWalk::begin(std::size_t index) const {
  if (!kept_.empty()) return kept_[index];
  Values inputs;
  for (const HostTensor& input : job_.inputs.load(index)) {
    inputs.emplace_back(to_torch(input).to(device_));
  }
  Sample sample{current_.start(inputs), std::nullopt};
  if (diverged_ && job_.lockstep) sample.reference = sample.current;
  return sample;
}

void CalibrationWalk::run() {
  const at::InferenceMode inference;
  std::map<std::size_t, MomentSums> sums;  // by tensor
  for (const Event& event : events_) {
    // A tensor with more uses may have some of them where the networks differ.
    const bool compares = job_.lockstep && (diverged_ || !event.last);
    const auto [own, added] = sums.try_emplace(event.tensor, event.form, compares);
    gather(event, own->second);
    if (!event.last) continue;
    const Moments moments = own->second.moments();
    sums.erase(own);
    replace(job_.visit(event.tensor, moments));
  }
}

void CalibrationWalk::gather(const Event& event, MomentSums& sums) {
  std::vector<Sample> ahead;
  bool keeps = false;
  for (std::size_t i = 0; i < job_.inputs.count; ++i) {
    Sample sample = begin(i);
    current_.advance(sample.current, event.node);
    const at::Tensor columns =
        product_columns(current_.next_node(sample.current), event.input, event.form);
    at::Tensor reference = columns;
    if (sample.reference) {
      reference_.advance(*sample.reference, event.node);
      reference = product_columns(reference_.next_node(*sample.reference), event.input, event.form);
    }
    sums.add(columns, reference);
    if (i == 0) {
      const std::uint64_t one =
          size_of(sample.current) + (sample.reference ? size_of(*sample.reference) : 0);
      keeps = one <= job_.memory / std::max<std::size_t>(job_.inputs.count, 1);
    }
    if (keeps) ahead.push_back(std::move(sample));
    if (keeps && !kept_.empty()) kept_[i] = {};
  }
  if (keeps) kept_ = std::move(ahead);
}

void CalibrationWalk::replace(const PayloadEdits& edits) {
  if (edits.empty()) return;
  if (!diverged_ && job_.lockstep) {
    for (Sample& sample : kept_) sample.reference = sample.current;
  }
  diverged_ = true;
  for (const auto& [tensor, payload] : edits) {
    HostTensor changed = model_.tensors[tensor];
    changed.bytes = payload;
    at::Tensor values = to_torch(changed);
    if (values.is_floating_point()) values = values.to(device_);
    current_.constants().replace(tensor, std::move(values));
  }
}

}  // namespace qc::torch_engine
