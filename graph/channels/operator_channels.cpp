#include "graph/channels/operator_channels.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace qc {

const std::string& NodeShapes::name(const NodeAxis& of) const {
  const std::vector<std::string>& names = of.is_output ? node_.outputs : node_.inputs;
  if (of.index >= names.size()) throw SizesDisagree();
  return names[of.index];
}

const Dims& NodeShapes::dims(const NodeAxis& of) const {
  const Dims* dims = coupling_.dims(name(of));
  if (dims == nullptr) throw SizesDisagree();
  return *dims;
}

const Dims* NodeShapes::input(std::size_t index) const {
  if (index >= node_.inputs.size() || node_.inputs[index].empty()) return nullptr;
  return coupling_.dims(node_.inputs[index]);
}

const Dims* NodeShapes::output(std::size_t index) const {
  if (index >= node_.outputs.size() || node_.outputs[index].empty()) return nullptr;
  return coupling_.dims(node_.outputs[index]);
}

std::size_t NodeShapes::size(const NodeAxis& axis) const {
  const Dims& all = dims(axis);
  if (axis.axis >= all.size()) throw SizesDisagree();
  return static_cast<std::size_t>(all[axis.axis]);
}

std::size_t NodeShapes::number(const NodeAxis& axis, std::size_t place) const {
  if (place >= size(axis)) throw SizesDisagree();
  return coupling_.first(name(axis), axis.axis) + place;
}

std::optional<Integers> NodeShapes::integers(std::size_t input) const {
  if (input >= node_.inputs.size() || node_.inputs[input].empty()) return std::nullopt;
  return known_.integers(node_.inputs[input]);
}

std::optional<Integers> NodeShapes::integers(std::string_view attribute, std::size_t input) const {
  if (const auto* given = node_.get<Integers>(attribute)) return *given;
  return integers(input);
}

std::int64_t NodeShapes::integer(std::string_view attribute, std::int64_t otherwise) const {
  const auto* given = node_.get<std::int64_t>(attribute);
  return given != nullptr ? *given : otherwise;
}

void NodeCoupler::tie(const NodeAxis& a, std::size_t place_a, const NodeAxis& b,
                      std::size_t place_b) {
  target_.tie(number(a, place_a), number(b, place_b));
}

void NodeCoupler::tie(const NodeAxis& a, const NodeAxis& b) {
  if (size(a) != size(b)) throw SizesDisagree();
  for (std::size_t place = 0; place < size(a); ++place) tie(a, place, b, place);
}

std::string NodeCoupler::reason(std::string_view why) const {
  return fmt::format("{} {}: {}", node().op, node().label(), why);
}

void NodeCoupler::lock(const NodeAxis& axis, std::string_view why) {
  const std::string text = reason(why);
  for (std::size_t place = 0; place < size(axis); ++place) target_.lock(number(axis, place), text);
}

void NodeCoupler::lock_from(const NodeAxis& axis, std::string_view why) {
  const Dims* dims = axis.is_output ? output(axis.index) : input(axis.index);
  if (dims == nullptr) return;
  for (std::size_t each = axis.axis; each < dims->size(); ++each) {
    lock({axis.is_output, axis.index, each}, why);
  }
}

void NodeCoupler::lock_all(std::string_view why) {
  for (std::size_t i = 0; i < inputs(); ++i) lock_from(in(i, 0), why);
  for (std::size_t i = 0; i < outputs(); ++i) lock_from(out(i, 0), why);
}

void NodeCoupler::mark_produced(const NodeAxis& axis) {
  target_.mark_produced(name(axis), axis.axis);
}

bool NodeCoupler::is_locked(const NodeAxis& axis) const {
  for (std::size_t place = 0; place < size(axis); ++place) {
    if (coupling().is_locked(number(axis, place))) return true;
  }
  return false;
}

std::int64_t NodeCutter::count(const NodeAxis& axis, std::size_t begin, std::size_t end) const {
  std::int64_t count = 0;
  for (std::size_t place = begin; place < end; ++place) count += stays(axis, place) ? 1 : 0;
  return count;
}

void NodeCutter::set_attribute(std::string_view name, AttributeValue value) {
  const auto found = std::ranges::find(target_.attributes, name, &Attribute::name);
  Attribute attribute{std::string(name), std::move(value)};
  if (found == target_.attributes.end()) {
    target_.attributes.push_back(std::move(attribute));
  } else {
    *found = std::move(attribute);
  }
}

void NodeCutter::remove_attribute(std::string_view name) {
  std::erase_if(target_.attributes, [&](const Attribute& each) { return each.name == name; });
}

void NodeCutter::set_integers(std::string_view attribute, std::size_t input,
                              const Integers& values) {
  if (node().find(attribute) != nullptr) return set_attribute(attribute, values);
  set_input(input, values);
}

const OperatorChannels* find_operator_channels(const Node& node) {
  if (!node.domain.empty()) return nullptr;
  for (const auto& rows :
       {layer_channels(), elementwise_channels(), shape_channels(), window_channels()}) {
    const auto found = std::ranges::find(rows, node.op, &OperatorChannels::op);
    if (found != rows.end()) return &*found;
  }
  return nullptr;
}

}  // namespace qc
