#include "pipeline/shrink/search_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"

namespace qc {
namespace {

using nlohmann::json;

// JSON has no infinity and no NaN; hexadecimal digits are exact.
std::string exact(double value) { return fmt::format("{:a}", value); }

double number(const json& text) {
  return std::strtod(text.get_ref<const std::string&>().c_str(), nullptr);
}

json to_json(const TriedModel& tried) {
  const Closeness& closeness = tried.closeness;
  const OutputMetrics& output = closeness.outputs[closeness.decisive];
  return {{"lambda", exact(tried.point.lambda)},
          {"allocation", exact(tried.point.allocation)},
          {"lockstep", tried.lockstep},
          {"refined", tried.refined},
          {"bits", exact(tried.bits)},
          {"bytes", tried.bytes},
          {"metric", kJudgedByChoices.name_of(closeness.metric)},
          {"value", exact(closeness.value)},
          {"reference", exact(closeness.reference)},
          {"low", exact(closeness.low)},
          {"high", exact(closeness.high)},
          {"samples", closeness.samples},
          {"positions", output.positions},
          {"agreement", exact(output.agreement)},
          {"kl", exact(output.kl)},
          {"snr", exact(output.snr_db)},
          {"cosine", exact(output.cosine)}};
}

TriedModel tried_of(const json& document) {
  OutputMetrics output;
  output.positions = document.at("positions");
  output.agreement = number(document.at("agreement"));
  output.kl = number(document.at("kl"));
  output.snr_db = number(document.at("snr"));
  output.cosine = number(document.at("cosine"));
  Closeness closeness;
  closeness.outputs = {std::move(output)};
  closeness.metric =
      kJudgedByChoices.find(document.at("metric").get<std::string>()).value_or(JudgedBy::kSnr);
  closeness.value = number(document.at("value"));
  closeness.reference = number(document.at("reference"));
  closeness.low = number(document.at("low"));
  closeness.high = number(document.at("high"));
  closeness.samples = document.at("samples");
  return {{number(document.at("lambda")), number(document.at("allocation"))},
          document.at("lockstep"),
          document.at("refined"),
          number(document.at("bits")),
          document.at("bytes"),
          std::move(closeness)};
}

}  // namespace

const TriedModel* SearchMemory::find(const ShrinkPoint& point, bool lockstep, bool refined) const {
  const auto found = std::ranges::find_if(tried_, [&](const TriedModel& tried) {
    return tried.point == point && tried.lockstep == lockstep && tried.refined == refined;
  });
  return found != tried_.end() ? &*found : nullptr;
}

Bytes SearchMemory::to_bytes() const {
  json document = json::array();
  for (const TriedModel& tried : tried_) document.push_back(to_json(tried));
  const std::string text = document.dump();
  const ByteView bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

SearchMemory SearchMemory::from_bytes(ByteView bytes) {
  SearchMemory memory;
  if (bytes.empty()) return memory;
  try {
    for (const json& tried : json::parse(as_text(bytes))) memory.add(tried_of(tried));
  } catch (const json::exception&) {
    throw Error(ErrorCode::kCorrupt, "what the search tried cannot be understood");
  }
  return memory;
}

}  // namespace qc
