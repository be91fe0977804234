#include "formats/onnx/onnx_messages.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "formats/onnx/onnx_fields.h"

namespace qc {
namespace {

struct NestedField {
  std::uint32_t number;
  OnnxMessage message;
};

// Where a message has documentation, and messages that may.
struct DocumentedFields {
  std::optional<std::uint32_t> doc;
  std::span<const NestedField> nested;
};

DocumentedFields fields_of(OnnxMessage message) noexcept {
  namespace names = onnx_field;
  static constexpr NestedField kInModel[] = {{names::model::kGraph, OnnxMessage::kGraph},
                                             {names::model::kTrainingInfo, OnnxMessage::kTraining},
                                             {names::model::kFunctions, OnnxMessage::kFunction}};
  static constexpr NestedField kInTraining[] = {
      {names::training::kInitialization, OnnxMessage::kGraph},
      {names::training::kAlgorithm, OnnxMessage::kGraph}};
  static constexpr NestedField kInGraph[] = {
      {names::graph::kNode, OnnxMessage::kNode},
      {names::graph::kInitializer, OnnxMessage::kTensor},
      {names::graph::kInput, OnnxMessage::kValue},
      {names::graph::kOutput, OnnxMessage::kValue},
      {names::graph::kValueInfo, OnnxMessage::kValue},
      {names::graph::kSparseInitializer, OnnxMessage::kSparse}};
  static constexpr NestedField kInNode[] = {{names::node::kAttribute, OnnxMessage::kAttribute}};
  static constexpr NestedField kInAttribute[] = {
      {names::attribute::kTensor, OnnxMessage::kTensor},
      {names::attribute::kGraph, OnnxMessage::kGraph},
      {names::attribute::kTensors, OnnxMessage::kTensor},
      {names::attribute::kGraphs, OnnxMessage::kGraph},
      {names::attribute::kSparse, OnnxMessage::kSparse},
      {names::attribute::kSparses, OnnxMessage::kSparse}};
  static constexpr NestedField kInSparse[] = {{names::sparse::kValues, OnnxMessage::kTensor},
                                              {names::sparse::kIndices, OnnxMessage::kTensor}};
  static constexpr NestedField kInFunction[] = {
      {names::function::kNode, OnnxMessage::kNode},
      {names::function::kAttributeProto, OnnxMessage::kAttribute},
      {names::function::kValueInfo, OnnxMessage::kValue}};
  switch (message) {
    case OnnxMessage::kModel:
      return {names::model::kDoc, kInModel};
    case OnnxMessage::kTraining:
      return {std::nullopt, kInTraining};
    case OnnxMessage::kGraph:
      return {names::graph::kDoc, kInGraph};
    case OnnxMessage::kNode:
      return {names::node::kDoc, kInNode};
    case OnnxMessage::kAttribute:
      return {names::attribute::kDoc, kInAttribute};
    case OnnxMessage::kSparse:
      return {std::nullopt, kInSparse};
    case OnnxMessage::kTensor:
      return {names::tensor::kDoc, {}};
    case OnnxMessage::kValue:
      return {names::value::kDoc, {}};
    case OnnxMessage::kFunction:
      return {names::function::kDoc, kInFunction};
  }
  return {};
}

std::optional<OnnxMessage> nested_message(OnnxMessage parent, const OnnxField& field) {
  if (!field.is_delimited()) return std::nullopt;
  const auto nested = fields_of(parent).nested;
  const auto found = std::ranges::find(nested, field.number, &NestedField::number);
  return found != nested.end() ? std::optional(found->message) : std::nullopt;
}

void count(const WireFields& fields, OnnxMessage message, std::uint64_t begin, std::uint64_t end,
           DocStrings& found) {
  each_field(fields, begin, end, [&](const OnnxField& field) {
    if (is_doc_string(message, field)) {
      ++found.count;
      found.bytes += field.end - field.begin;
    } else if (const auto inner = nested_message(message, field)) {
      count(fields, *inner, field.content, field.end, found);
    }
  });
}

}  // namespace

bool is_doc_string(OnnxMessage parent, const OnnxField& field) {
  return field.is_delimited() && fields_of(parent).doc == field.number;
}

bool is_payload_over(std::uint64_t bytes, OnnxMessage parent, const OnnxField& field) {
  namespace names = onnx_field::tensor;
  constexpr std::array kPayloads = {names::kFloatData, names::kInt32Data, names::kStringData,
                                    names::kInt64Data, names::kRawData,   names::kDoubleData,
                                    names::kUint64Data};
  return parent == OnnxMessage::kTensor && field.end - field.content > bytes &&
         std::ranges::find(kPayloads, field.number) != kPayloads.end();
}

void copy_field(const WireFields& fields, OnnxMessage parent, const OnnxField& field,
                const FieldFilter& leaves_out, WireMessage& out) {
  if (leaves_out && leaves_out(parent, field)) return;
  const auto message = nested_message(parent, field);
  if (leaves_out && message) {
    WireMessage content = out.another();
    each_field(fields, field.content, field.end, [&](const OnnxField& inner) {
      copy_field(fields, *message, inner, leaves_out, content);
    });
    if (content.size() < field.end - field.content) {
      out.message(field.number, content);
      return;
    }
  }
  out.copy(field.begin, field.end);
}

DocStrings count_doc_strings(const BytePieces& file) {
  const GappedBytes bytes(file);
  const WireFields fields(bytes);
  DocStrings found;
  count(fields, OnnxMessage::kModel, 0, fields.size(), found);
  return found;
}

}  // namespace qc
