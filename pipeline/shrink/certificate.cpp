#include "pipeline/shrink/certificate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "formats/qc/decode/checksum.h"

namespace qc {
namespace {

constexpr std::string_view kSchema = "qcompress.certificate/1";

nlohmann::ordered_json number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

// Only what is infinitely close is written as null.
double number_from(const nlohmann::json& json) {
  return json.is_null() ? std::numeric_limits<double>::infinity() : json.get<double>();
}

std::string value_text(const Certificate& certificate, double value) {
  return metric_value_text(kJudgedByChoices.find(certificate.metric).value_or(JudgedBy::kSnr),
                           value);
}

}  // namespace

Certificate make_certificate(const Closeness& closeness, const ShrinkPoint& point, bool lockstep) {
  Certificate certificate;
  certificate.metric = kJudgedByChoices.name_of(closeness.metric);
  certificate.output = closeness.outputs[closeness.decisive].name;
  certificate.value = closeness.value;
  certificate.reference = closeness.reference;
  certificate.low = closeness.low;
  certificate.high = closeness.high;
  certificate.samples = static_cast<std::size_t>(closeness.samples);
  certificate.lambda = point.lambda;
  certificate.allocation = point.allocation;
  certificate.lockstep = lockstep;
  return certificate;
}

std::string sample_digest(const RunInputs& inputs) {
  Hasher hasher;
  for (std::size_t i = 0; i < inputs.count; ++i) {
    for (const HostTensor& tensor : inputs.load(i)) hasher.update(tensor.bytes);
  }
  return fmt::format("{:02x}", fmt::join(hasher.digest(), ""));
}

std::string certificate_json(const Certificate& certificate) {
  const nlohmann::ordered_json document = {
      {"schema", kSchema},
      {"metric", certificate.metric},
      {"output", certificate.output},
      {"value", number(certificate.value)},
      {"reference", number(certificate.reference)},
      {"interval", {number(certificate.low), number(certificate.high)}},
      {"samples", certificate.samples},
      {"sample_digest", certificate.sample_digest},
      {"model_digest", certificate.model_digest},
      {"attempts", certificate.attempts},
      {"calibrated_on", certificate.calibrated_on},
      {"seed", certificate.seed},
      {"lambda", certificate.lambda},
      {"allocation", certificate.allocation},
      {"lockstep", certificate.lockstep},
      {"distilled", certificate.distilled},
      {"engine", certificate.engine}};
  return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::optional<Certificate> read_certificate(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    if (json.at("schema") != kSchema) return std::nullopt;
    Certificate certificate;
    certificate.metric = json.at("metric");
    certificate.output = json.at("output");
    certificate.value = number_from(json.at("value"));
    if (json.contains("reference")) certificate.reference = number_from(json.at("reference"));
    certificate.low = number_from(json.at("interval").at(0));
    certificate.high = number_from(json.at("interval").at(1));
    certificate.samples = json.at("samples");
    certificate.sample_digest = json.at("sample_digest");
    certificate.model_digest = json.at("model_digest");
    certificate.attempts = json.at("attempts");
    certificate.calibrated_on = json.at("calibrated_on");
    certificate.seed = json.at("seed");
    certificate.lambda = json.at("lambda");
    certificate.allocation = json.at("allocation");
    certificate.lockstep = json.at("lockstep");
    certificate.distilled = json.value("distilled", false);
    certificate.engine = json.at("engine");
    return certificate;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

std::string certificate_text(const Certificate& certificate) {
  const bool by_labels = certificate.metric == kJudgedByChoices.name_of(JudgedBy::kAccuracy);
  std::string text = fmt::format(
      "{} of output '{}'{}: {} on {} samples, 95% interval {} to {}\n", certificate.metric,
      certificate.output,
      by_labels
          ? fmt::format(", {} of the original", value_text(certificate, certificate.reference))
          : " with the original",
      value_text(certificate, certificate.value), certificate.samples,
      value_text(certificate, certificate.low), value_text(certificate, certificate.high));
  if (certificate.attempts > 1) {
    text += fmt::format("these samples were looked at {} times\n", certificate.attempts);
  }
  text += fmt::format(
      "calibrated on {} other samples; lambda {:.6g}, allocation {:.2g}{}, seed {}; {}\n",
      certificate.calibrated_on, certificate.lambda, certificate.allocation,
      std::string(certificate.lockstep ? ", in lockstep" : "") +
          (certificate.distilled ? ", distilled" : ""),
      certificate.seed, certificate.engine);
  return text;
}

}  // namespace qc
