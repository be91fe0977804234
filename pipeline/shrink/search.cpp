#include "pipeline/shrink/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "core/error.h"
#include "pipeline/runner.h"

namespace qc {
namespace {

// Prices of a bit between which the search stays, in nats of a sample.
constexpr double kLeastLambda = 1e-14;
constexpr double kMostLambda = 1e4;
constexpr int kMostSteps = 20;     // on estimates
constexpr int kMostTrueSteps = 8;  // with packing or judging
constexpr double kEstimateTolerance = 0.005;

// Size as a power of the price of a bit, which two models tell.
class SizeCurve {
 public:
  // The price at which the size would be `aim`, when `lambda` gave `size`.
  double next(double lambda, double size, double aim) {
    const double at = std::log(lambda);
    const double now = std::log(std::max(size, 1.0));
    if (before_ && std::fabs(at - before_->first) > 1e-6) {
      const double slope = (now - before_->second) / (at - before_->first);
      exponent_ = std::clamp(slope, -2.0, -0.1);
    }
    before_ = {at, now};
    const double step = (std::log(std::max(aim, 1.0)) - now) / exponent_;
    return std::clamp(std::exp(at + std::clamp(step, -kMostStep, kMostStep)), kLeastLambda,
                      kMostLambda);
  }

 private:
  static constexpr double kMostStep = 7;  // of the logarithm of lambda

  double exponent_ = -0.35;
  std::optional<std::pair<double, double>> before_;  // logarithms of lambda and size
};

// A finer measure than the arg max: what the decisive output says beyond it.
double fine_closeness(const Closeness& closeness) {
  const OutputMetrics& output = closeness.outputs[closeness.decisive];
  return output.positions > 0 ? -output.kl : output.snr_db;
}

}  // namespace

bool keeps_bound(const ShrinkGoal& goal, const Closeness& closeness) {
  if (goal.max_drop) return closeness.value >= closeness.reference - *goal.max_drop;
  return closeness.value >= goal.min_snr.value();
}

ShrinkSearch::ShrinkSearch(const OnnxModel& model, const Shrinker& shrinker, Engine& engine,
                           const Judgement& judgement, const SearchOptions& options)
    : model_(model),
      shrinker_(shrinker),
      engine_(engine),
      judgement_(judgement),
      options_(options),
      memory_(options.memory != nullptr ? *options.memory : own_memory_) {}

ShrinkCandidate ShrinkSearch::run() {
  if (options_.goal.target_size) {
    to_size(static_cast<double>(*options_.goal.target_size));
  } else {
    to_bound();
  }
  return with_model(std::move(*best_));
}

// Bytes that do not depend on lambda: everything but the rounded weights. Found by packing the
// model with all of them zero.
double ShrinkSearch::fixed_bytes() {
  if (fixed_bytes_) return *fixed_bytes_;
  PayloadEdits edits;
  const auto make_zero = [&](std::size_t tensor) {
    edits[tensor] = Bytes(static_cast<std::size_t>(model_.tensors()[tensor].size));
  };
  for (const WeightLayer& layer : shrinker_.plan().layers) {
    make_zero(layer.tensor);
    if (layer.bias) make_zero(*layer.bias);
  }
  std::ranges::for_each(shrinker_.plan().singles, make_zero);
  fixed_bytes_ =
      static_cast<double>(packed_size(model_.edited(edits), options_.encode, options_.threads) +
                          options_.reserved_bytes);
  return *fixed_bytes_;
}

double ShrinkSearch::estimated_bytes(const ShrinkPoint& point) {
  return fixed_bytes() + ratio_ * shrinker_.estimated_bits(point) / 8;
}

// The lambda at which the estimate is as large as it may be.
double ShrinkSearch::lambda_for_bytes(double bytes, double allocation, double guess) {
  SizeCurve curve;
  double lambda = guess;
  for (int i = 0; i < kMostSteps; ++i) {
    const double now = estimated_bytes({lambda, allocation});
    if (now <= bytes && now >= bytes * (1 - kEstimateTolerance)) break;
    const double aim = bytes * (1 - kEstimateTolerance / 2) - fixed_bytes();
    const double next = curve.next(lambda, now - fixed_bytes(), aim);
    if (next == lambda) break;  // no price is lower, or higher
    lambda = next;
  }
  return lambda;
}

ShrinkCandidate ShrinkSearch::make(const ShrinkPoint& point, bool lockstep) {
  ShrinkCandidate candidate = rounded(point, lockstep);
  return with_model(lockstep && options_.refine ? refined(std::move(candidate))
                                                : std::move(candidate));
}

ShrunkModel ShrinkSearch::round(const ShrinkPoint& point, bool lockstep) const {
  return lockstep ? shrinker_.round_in_lockstep(point) : shrinker_.round(point);
}

ShrinkCandidate ShrinkSearch::rounded(const ShrinkPoint& point, bool lockstep) {
  // Unlike what is remembered, it has its model.
  if (chosen_ && chosen_->point == point && chosen_->lockstep == lockstep) return *chosen_;
  if (auto before = remembered(point, lockstep, false)) return *before;
  ShrunkModel shrunk = round(point, lockstep);
  ShrinkCandidate candidate{point, lockstep, false, model_.edited(std::move(shrunk.edits)), 0, {}};
  judge(candidate, shrunk.bits);
  learn_ratio(candidate.bytes, shrunk.bits);
  return candidate;
}

ShrinkCandidate ShrinkSearch::refined(ShrinkCandidate candidate) {
  if (auto before = remembered(candidate.point, candidate.lockstep, true)) return *before;
  candidate = with_model(std::move(candidate));
  candidate.model = options_.refine(*candidate.model);
  candidate.refined = true;
  judge(candidate, 0);
  return candidate;
}

std::optional<ShrinkCandidate> ShrinkSearch::remembered(const ShrinkPoint& point, bool lockstep,
                                                        bool refined) {
  const TriedModel* tried = memory_.find(point, lockstep, refined);
  if (tried == nullptr) return std::nullopt;
  learn_ratio(tried->bytes, tried->bits);
  return ShrinkCandidate{point, lockstep, refined, std::nullopt, tried->bytes, tried->closeness};
}

// What is remembered without its model is made again, to the same bytes.
ShrinkCandidate ShrinkSearch::with_model(ShrinkCandidate candidate) {
  if (candidate.model) return candidate;
  candidate.model = model_.edited(round(candidate.point, candidate.lockstep).edits);
  if (candidate.refined) candidate.model = options_.refine(*candidate.model);
  return candidate;
}

void ShrinkSearch::learn_ratio(std::uint64_t bytes, double bits) {
  if (bits <= 0) return;
  ratio_ = std::max(static_cast<double>(bytes) - fixed_bytes(), 1.0) / (bits / 8);
}

void ShrinkSearch::judge(ShrinkCandidate& candidate, double bits) {
  candidate.bytes =
      packed_size(*candidate.model, options_.encode, options_.threads) + options_.reserved_bytes;
  candidate.closeness = judgement_.judge(*candidate.model, engine_);
  memory_.add({candidate.point, candidate.lockstep, candidate.refined, bits, candidate.bytes,
               candidate.closeness});
  if (options_.on_candidate) options_.on_candidate(candidate);
  interrupted_ = interrupted_ || (options_.stop_requested && options_.stop_requested());
}

bool ShrinkSearch::meets(const ShrinkCandidate& candidate) const {
  if (options_.goal.target_size) return candidate.bytes <= *options_.goal.target_size;
  return keeps_bound(options_.goal, candidate.closeness);
}

void ShrinkSearch::keep(ShrinkCandidate candidate) {
  if (!best_ || is_better(candidate, *best_)) best_ = std::move(candidate);
}

bool ShrinkSearch::is_better(const ShrinkCandidate& one, const ShrinkCandidate& other) const {
  if (meets(one) != meets(other)) return meets(one);
  if (options_.goal.has_bound()) {
    return meets(one) ? one.bytes < other.bytes
                      : fine_closeness(one.closeness) > fine_closeness(other.closeness);
  }
  if (!meets(one)) return one.bytes < other.bytes;
  return fine_closeness(one.closeness) > fine_closeness(other.closeness);
}

// The allocation under which a model of so many estimated bytes keeps closest.
double ShrinkSearch::choose_allocation(double bytes) {
  if (!shrinker_.importance().has_fisher()) return 0;
  if (options_.allocations.size() == 1) return options_.allocations.front();
  double closest = 0;
  for (const double allocation : options_.allocations) {
    lambda_ = lambda_for_bytes(bytes, allocation, lambda_);
    ShrinkCandidate candidate = rounded({lambda_, allocation}, false);
    const double now = fine_closeness(candidate.closeness);
    if (!chosen_ || now > closest) {
      chosen_ = std::move(candidate);
      closest = now;
    }
    if (interrupted_) {
      keep(*chosen_);
      break;
    }
  }
  lambda_ = chosen_->point.lambda;
  return chosen_->point.allocation;
}

void ShrinkSearch::to_size(double target) {
  if (fixed_bytes() >= target) {
    throw Error(ErrorCode::kUsage,
                fmt::format("a target of {:.0f} bytes cannot be met: what is not rounded takes "
                            "{:.0f}",
                            target, fixed_bytes()));
  }
  const auto is_met = [&](const ShrinkCandidate& candidate) {
    return meets(candidate) &&
           static_cast<double>(candidate.bytes) >= target * (1 - options_.tolerance);
  };
  const double allocation = choose_allocation(target);
  if (interrupted_ && best_) return;
  lambda_ = lambda_for_bytes(target, allocation, lambda_);
  SizeCurve curve;
  for (int i = 0; i < kMostTrueSteps; ++i) {
    ShrinkCandidate candidate = rounded({lambda_, allocation}, options_.lockstep);
    if (is_met(candidate) && options_.lockstep && options_.refine && !interrupted_) {
      keep(candidate);
      candidate = refined(std::move(candidate));
    }
    const double variable = static_cast<double>(candidate.bytes) - fixed_bytes();
    const bool met = is_met(candidate);
    keep(std::move(candidate));
    if (met || interrupted_) return;
    const double aim = (1 - options_.tolerance / 3) * target - fixed_bytes();
    const double next = curve.next(lambda_, variable, aim);
    if (next == lambda_) break;  // no price is lower, or higher
    lambda_ = next;
  }
  // Sizes of small models come in steps that may pass the target by.
  if (best_->lockstep && !best_->refined && options_.refine) keep(refined(*best_));
}

void ShrinkSearch::to_bound() {
  // Where 3 bits a weight would be: the allocation matters most where models begin to suffer.
  double weights = 0;
  for (const WeightLayer& layer : shrinker_.plan().layers) {
    weights += static_cast<double>(layer.form.size());
  }
  const double allocation = choose_allocation(fixed_bytes() + ratio_ * weights * 3 / 8);
  if (interrupted_ && best_) return;
  bracket(allocation, Maker::kIndependent, std::log(4.0), 0.35);
  if (!options_.lockstep || interrupted_) return;
  bracket(allocation, Maker::kLockstep, std::log(1.6), 0.12);
  if (options_.refine && !interrupted_) {
    bracket(allocation, Maker::kRefined, std::log(1.25), 0.12);
  }
}

// Bisects lambda between one that keeps the bound and one that does not, down to `precision`;
// goes on from the last one that kept it.
void ShrinkSearch::bracket(double allocation, Maker maker, double step, double precision) {
  std::optional<double> within;
  std::optional<double> beyond;
  double at = std::log(lambda_);
  for (int i = 0; i < 2 * kMostTrueSteps && !interrupted_; ++i) {
    if (within && beyond) {
      if (*beyond - *within < precision) break;
      at = (*within + *beyond) / 2;
    }
    const ShrinkPoint point{i == 0 ? lambda_ : std::exp(at), allocation};
    ShrinkCandidate candidate =
        maker == Maker::kRefined ? make(point, true) : rounded(point, maker == Maker::kLockstep);
    const bool kept = keeps_bound(options_.goal, candidate.closeness);
    keep(std::move(candidate));
    (kept ? within : beyond) = at;
    if (within && beyond) continue;
    at += kept ? step : -step;
    if (at < std::log(kLeastLambda) || at > std::log(kMostLambda)) break;
  }
  if (within) lambda_ = std::exp(*within);
}

}  // namespace qc
