// qcompress.h for C++20: containers that close themselves, spans, and exceptions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "qcompress/qcompress.h"

namespace qcompress {

/// A call that failed.
class Error : public std::runtime_error {
 public:
  explicit Error(const qcompress_error& error)
      : std::runtime_error(error.text), status_(error.status) {}

  qcompress_status status() const noexcept { return status_; }

 private:
  qcompress_status status_;
};

using File = qcompress_file;

/// As qcompress_tensor, with the place of the tensor in its container.
struct Tensor : qcompress_tensor {
  std::size_t index = 0;

  std::span<const std::int64_t> dims() const noexcept { return {shape, rank}; }
};

/// An open container. Every call may throw Error.
class Container {
 public:
  static Container open(const std::string& path, const qcompress_options& options = {}) {
    qcompress_container* opened = nullptr;
    call([&](qcompress_error* error) {
      return qcompress_open_file(path.c_str(), &options, &opened, error);
    });
    return Container(opened);
  }

  /// Of bytes that outlive the container.
  static Container open(std::span<const std::byte> bytes, const qcompress_options& options = {}) {
    qcompress_container* opened = nullptr;
    call([&](qcompress_error* error) {
      return qcompress_open_memory(bytes.data(), bytes.size(), &options, &opened, error);
    });
    return Container(opened);
  }

  std::size_t file_count() const noexcept { return qcompress_file_count(get()); }

  File file(std::size_t index) const {
    File file;
    require(qcompress_get_file(get(), index, &file), "there is no such file");
    return file;
  }

  /// The bytes of a file; the first is the .onnx file.
  std::vector<std::byte> read_file(std::size_t index = 0) const {
    std::vector<std::byte> bytes(static_cast<std::size_t>(file(index).size));
    call([&](qcompress_error* error) {
      return qcompress_read_file(get(), index, bytes.data(), bytes.size(), error);
    });
    return bytes;
  }

  std::size_t base_count() const noexcept { return qcompress_base_count(get()); }

  File base(std::size_t index) const {
    File file;
    require(qcompress_get_base(get(), index, &file), "there is no such file of the base");
    return file;
  }

  /// The bytes of the files of the base, which outlive the container.
  void set_base(std::span<const std::span<const std::byte>> files) {
    std::vector<const void*> bytes;
    bool fits = files.size() == base_count();
    for (std::size_t i = 0; fits && i < files.size(); ++i) {
      fits = files[i].size() == base(i).size;
      bytes.push_back(files[i].data());
    }
    if (!fits) throw std::invalid_argument("the base is not the model that it updates");
    call([&](qcompress_error* error) {
      return qcompress_set_base(container_.get(), bytes.data(), bytes.size(), error);
    });
  }

  std::size_t tensor_count() const noexcept { return qcompress_tensor_count(get()); }

  Tensor tensor(std::size_t index) const {
    Tensor tensor;
    tensor.index = index;
    require(qcompress_get_tensor(get(), index, &tensor), "there is no such tensor");
    return tensor;
  }

  std::optional<Tensor> find(const std::string& name) const {
    const std::size_t index = qcompress_find_tensor(get(), name.c_str());
    if (index == SIZE_MAX) return std::nullopt;
    return tensor(index);
  }

  /// Into memory of the tensor's size.
  void decode(const Tensor& tensor, std::span<std::byte> out) const {
    call([&](qcompress_error* error) {
      return qcompress_decode_tensor(get(), tensor.index, out.data(), out.size(), error);
    });
  }

  std::vector<std::byte> decode(const Tensor& tensor) const {
    std::vector<std::byte> bytes(static_cast<std::size_t>(tensor.size));
    decode(tensor, bytes);
    return bytes;
  }

  void verify() const {
    call([&](qcompress_error* error) { return qcompress_verify(get(), error); });
  }

  std::optional<std::string_view> metadata(const std::string& key) const noexcept {
    std::size_t size = 0;
    const char* value = qcompress_metadata(get(), key.c_str(), &size);
    if (value == nullptr) return std::nullopt;
    return std::string_view(value, size);
  }

  const qcompress_container* get() const noexcept { return container_.get(); }

 private:
  struct Close {
    void operator()(qcompress_container* container) const noexcept { qcompress_close(container); }
  };

  explicit Container(qcompress_container* opened) noexcept : container_(opened) {}

  template <typename Call>
  static void call(Call&& call) {
    qcompress_error error;
    if (call(&error) != QCOMPRESS_OK) throw Error(error);
  }

  static void require(qcompress_status status, const char* text) {
    if (status != QCOMPRESS_OK) throw std::out_of_range(text);
  }

  std::unique_ptr<qcompress_container, Close> container_;
};

}  // namespace qcompress
