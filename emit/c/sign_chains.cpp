#include "emit/c/sign_chains.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>

#include "emit/c/plan.h"

namespace qc::c {
namespace {

// The first argument of a kind, or null.
template <typename Kind>
const Kind* first(const Step& step) {
  for (const Argument& argument : step.arguments) {
    if (const auto* found = std::get_if<Kind>(&argument.what)) return found;
  }
  return nullptr;
}

// An addition of one number between 0 and 1, which makes ones of zeros among signs.
bool adds_fraction(const Plan& plan, const Step& step) {
  if (step.kernel != "qk_add_each") return false;
  const auto* argument = first<Argument::Array>(step);
  if (argument == nullptr) return false;
  const ConstantArray& array = plan.arrays[argument->index];
  float value = 0;
  if (array.type != "float" || array.bytes.size() != sizeof value) return false;
  std::memcpy(&value, array.bytes.data(), sizeof value);
  return value > 0 && value < 1;
}

// A clip to numbers of both signs, which changes none.
bool keeps_signs(const Step& step) {
  if (step.kernel != "qk_clip") return false;
  const auto limit = [&](std::size_t from_end) {
    const auto& argument = step.arguments[step.arguments.size() - from_end];
    return std::stof(std::get<Argument::Literal>(argument.what).text);
  };
  return limit(2) < 0 && limit(1) > 0;
}

class Chains {
 public:
  explicit Chains(const Plan& plan) : plan_(plan) {
    for (const ValueId output : plan.outputs) ++readers_[storage_of(plan, output)];
    for (const Step& step : plan.steps) {
      for (const Argument& argument : step.arguments) {
        if (const auto* read = std::get_if<Argument::Read>(&argument.what)) {
          ++readers_[storage_of(plan, read->value)];
        } else if (const auto* written = std::get_if<Argument::Written>(&argument.what)) {
          writers_[storage_of(plan, written->value)] = &step;
        }
      }
    }
  }

  // What a chain that ends with this step begins with.
  std::optional<ValueId> start(const Step& last) const {
    if (last.kernel != "qk_sign") return std::nullopt;
    const Step* sum = maker(last);
    if (sum == nullptr || !adds_fraction(plan_, *sum)) return std::nullopt;
    const Step* sign = maker(*sum);
    if (sign == nullptr || sign->kernel != "qk_sign") return std::nullopt;
    const Step* clip = maker(*sign);
    const auto input = input_of(clip != nullptr && keeps_signs(*clip) ? *clip : *sign);
    return input && count(*input) == count(*input_of(last)) ? input : std::nullopt;
  }

 private:
  std::uint64_t count(ValueId value) const { return count_of(plan_.values[value].shape); }

  static std::optional<ValueId> input_of(const Step& step) {
    const auto* read = first<Argument::Read>(step);
    return read == nullptr ? std::nullopt : std::optional(read->value);
  }

  // The step that makes what this one alone reads.
  const Step* maker(const Step& step) const {
    const std::optional<ValueId> input = input_of(step);
    if (!input) return nullptr;
    const ValueId storage = storage_of(plan_, *input);
    const auto writer = writers_.find(storage);
    return writer == writers_.end() || readers_.at(storage) != 1 ? nullptr : writer->second;
  }

  const Plan& plan_;
  std::map<ValueId, std::size_t> readers_;
  std::map<ValueId, const Step*> writers_;
};

}  // namespace

void join_sign_chains(Plan& plan) {
  const Chains chains(plan);
  for (Step& step : plan.steps) {
    const std::optional<ValueId> start = chains.start(step);
    if (!start) continue;
    step.kernel = "qk_sign_without_zero";
    for (Argument& argument : step.arguments) {
      if (auto* read = std::get_if<Argument::Read>(&argument.what)) read->value = *start;
    }
    if (step.in_place) step.in_place = start;
  }
}

}  // namespace qc::c
