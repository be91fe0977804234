// NumPy arrays: .npy files, or the members of an .npz file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "data/blob.h"
#include "data/npy.h"
#include "data/zip_archive.h"

namespace qc {

struct NpyArray {
  std::string name;  ///< for messages
  NpyHeader header;
  Blob blob;

  ByteView elements() const noexcept { return blob.bytes().subspan(header.offset); }
};

/// Sees a header before anything is read because of it.
using CheckHeader = std::function<void(const NpyHeader&)>;

/// Throws Error as read_blob() and parse_npy_header() do.
NpyArray read_npy(const std::filesystem::path& path, const CheckHeader& check);

/// "NAME.npy in FILE.npz".
std::string npz_member_name(const ZipArchive& archive, const std::string& array);

/// The array of that name, without ".npy". Throws Error as ZipArchive::read() and
/// parse_npy_header() do, kFile where there is no such array.
NpyArray read_npz_member(const ZipArchive& archive, const std::string& array,
                         const CheckHeader& check);

/// Requires whole numbers, one per sample, that fit into memory; throws Error(kUnsupported).
CheckHeader holds_labels(const std::string& name);

/// The numbers of an array that holds_labels().
std::vector<std::int64_t> npy_labels(const NpyArray& array);

}  // namespace qc
