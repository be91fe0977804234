#include "pipeline/calibration_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/bit_cast.h"
#include "core/error.h"
#include "pipeline/hashed_file.h"

namespace qc {
namespace {

using nlohmann::json;

constexpr std::string_view kKind = "calibration file";
constexpr std::string_view kMagic = "qcompress calibration 1\n";

// Numbers of a group: the mean, then the second moments, of which a table has the diagonal alone.
std::uint64_t numbers_of_group(std::uint64_t columns, bool is_table) {
  return columns + (is_table ? columns : columns * (columns + 1) / 2);
}

void append_number(Bytes& bytes, double value) { append_le(bytes, bit_cast<std::uint64_t>(value)); }

// Second moments are symmetric: each row from the diagonal on.
void write_moments(HashedFile& file, const Moments& moments) {
  Bytes bytes;
  const std::size_t columns = moments.columns;
  for (std::size_t g = 0; g < moments.groups; ++g) {
    for (std::size_t i = 0; i < columns; ++i) append_number(bytes, moments.mean[g * columns + i]);
    for (std::size_t i = 0; i < columns; ++i) {
      if (moments.is_table) {
        append_number(bytes, moments.second[g * columns + i]);
        continue;
      }
      const double* row = &moments.second[(g * columns + i) * columns];
      for (std::size_t j = i; j < columns; ++j) append_number(bytes, row[j]);
      file.write(bytes);
      bytes.clear();
    }
    file.write(bytes);
    bytes.clear();
  }
}

}  // namespace

std::size_t save_calibration(const std::filesystem::path& path, Overwrite overwrite,
                             const OnnxModel& model, CalibrationSource& source) {
  std::vector<std::size_t> weights;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& tensor = model.tensors()[i];
    if (tensor.role == Role::kWeight && tensor.has_values()) weights.push_back(i);
  }
  HashedFile file(path, kMagic, overwrite);
  std::size_t count = 0;
  source.visit(model, weights, [&](std::size_t index, const Moments& moments) {
    const TensorInfo& tensor = model.tensors()[index];
    if (!std::isfinite(moments.trace())) {
      throw Error(ErrorCode::kUnsupported,
                  "the calibration samples give NaN or Inf in the network");
    }
    const json header = {{"name", tensor.name},        {"dims", tensor.dims},
                         {"count", moments.count},     {"groups", moments.groups},
                         {"columns", moments.columns}, {"table", moments.is_table}};
    // Names of tensors need not be text.
    file.write_text(header.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace));
    write_moments(file, moments);
    ++count;
    return PayloadEdits();
  });
  file.commit();
  return count;
}

CalibrationFile::CalibrationFile(const std::filesystem::path& path) : path_(path), file_(path) {
  const auto refuse = [&](std::string_view what) {
    throw Error(ErrorCode::kCorrupt, fmt::format("{} {}", path.string(), what));
  };
  try {
    read();
  } catch (const Error& error) {
    refuse(error.what());
  } catch (const json::exception&) {
    refuse("cannot be understood");
  }
}

void CalibrationFile::read() {
  const auto refuse = [] { throw Error(ErrorCode::kCorrupt, "cannot be understood"); };
  ByteReader reader(hashed_content(file_.bytes(), kMagic, kKind));
  while (reader.ok() && !reader.rest().empty()) {
    const json header = json::parse(as_text(reader.take(reader.le<std::uint64_t>())));
    Record record;
    record.name = header.at("name");
    record.dims = header.at("dims").get<std::vector<std::int64_t>>();
    record.sizes.count = header.at("count");
    const std::uint64_t groups = header.at("groups");
    const std::uint64_t columns = header.at("columns");
    record.sizes.is_table = header.at("table");
    // There are more numbers than groups and than columns, so the product cannot overflow.
    const std::uint64_t most = reader.rest().size() / sizeof(double);
    if (groups > most || columns > most || columns > std::uint64_t{1} << 31) refuse();
    const std::uint64_t numbers = numbers_of_group(columns, record.sizes.is_table);
    if (numbers == 0 || groups > most / numbers) refuse();
    record.sizes.groups = static_cast<std::size_t>(groups);
    record.sizes.columns = static_cast<std::size_t>(columns);
    record.values = reader.take(groups * numbers * sizeof(double));
    records_.push_back(std::move(record));
  }
  if (!reader.ok()) refuse();
}

Moments CalibrationFile::moments_of(const Record& record) {
  Moments moments = record.sizes;
  ByteReader reader(record.values);
  const auto next = [&] {
    const auto value = bit_cast<double>(reader.le<std::uint64_t>());
    if (!std::isfinite(value)) {
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("the moments of {} are no numbers", record.name));
    }
    return value;
  };
  const std::size_t columns = moments.columns;
  moments.mean.resize(moments.groups * columns);
  moments.second.resize(moments.groups * columns * (moments.is_table ? 1 : columns));
  for (std::size_t g = 0; g < moments.groups; ++g) {
    for (std::size_t i = 0; i < columns; ++i) moments.mean[g * columns + i] = next();
    if (moments.is_table) {
      for (std::size_t i = 0; i < columns; ++i) moments.second[g * columns + i] = next();
      continue;
    }
    double* second = &moments.second[g * columns * columns];
    for (std::size_t i = 0; i < columns; ++i) {
      for (std::size_t j = i; j < columns; ++j) {
        second[i * columns + j] = next();
        second[j * columns + i] = second[i * columns + j];
      }
    }
  }
  return moments;
}

void CalibrationFile::visit(
    const OnnxModel& model, std::span<const std::size_t> tensors,
    const std::function<PayloadEdits(std::size_t tensor, const Moments& moments)>& visit) {
  std::map<std::string_view, std::size_t> by_name;
  for (const std::size_t tensor : tensors) by_name.emplace(model.tensors()[tensor].name, tensor);
  bool any = by_name.empty();
  for (const Record& record : records_) {
    const auto found = by_name.find(record.name);
    if (found == by_name.end()) continue;
    any = true;
    const TensorInfo& tensor = model.tensors()[found->second];
    if (tensor.dims != record.dims) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} is of another network: {} is {} there and {} in the model",
                              path_.string(), record.name, shape_text(record.dims),
                              shape_text(tensor.dims)));
    }
    visit(found->second, moments_of(record));
  }
  if (!any) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{} is of another network: it has none of the weights to be changed",
                            path_.string()));
  }
}

std::map<std::size_t, std::vector<float>> CalibrationFile::gradient_squares(
    const OnnxModel& /*model*/, std::span<const std::size_t> /*tensors*/) {
  throw Error(ErrorCode::kUsage,
              fmt::format("{} has no gradients; these need samples: --data DIR", path_.string()));
}

}  // namespace qc
