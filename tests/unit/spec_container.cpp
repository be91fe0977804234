#include "spec_container.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <map>

// Numbers of sections are those of FORMAT.md.
namespace qc::spec {
namespace {

constexpr std::uint64_t kHeaderSize = 16;
constexpr std::uint64_t kFooterSize = 32;

std::uint64_t low_half(std::uint64_t hash) { return hash & 0xffffffff; }

bool same(View a, View b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

// A protocol buffer message: the values of each field, a number or the bytes of it.
struct Message {
  std::map<std::uint64_t, std::vector<std::uint64_t>> numbers;
  std::map<std::uint64_t, std::vector<View>> bytes;

  explicit Message(View text) {
    for (Input in(text); !in.at_end();) {
      const std::uint64_t tag = in.varint();
      require(tag % 8 == 0 || tag % 8 == 2, "wire type");
      if (tag % 8 == 0) {
        numbers[tag / 8].push_back(in.varint());
      } else {
        bytes[tag / 8].push_back(in.take(in.varint()));
      }
    }
  }

  std::uint64_t number(std::uint64_t field) const {
    const auto found = numbers.find(field);
    return found == numbers.end() ? 0 : found->second.back();
  }

  View text(std::uint64_t field) const {
    const auto found = bytes.find(field);
    return found == bytes.end() ? View() : found->second.back();
  }

  std::vector<std::uint64_t> list(std::uint64_t field) const {
    std::vector<std::uint64_t> all;
    for (Input in(text(field)); !in.at_end();) {
      all.push_back(in.varint());
      require(all.back() <= std::uint64_t{1} << 62, "a number over 2^62");
    }
    return all;
  }
};

struct Unit {
  Data decoded;
  std::uint64_t used = 0;
};

// Section 2.2
std::vector<Unit> read_units(const Message& table, View container, std::uint64_t units_end) {
  const std::vector<std::uint64_t> sizes = table.list(1);
  const std::vector<std::uint64_t> stored_sizes = table.list(2);
  Input checksums(table.text(3));
  require(stored_sizes.size() == sizes.size(), "lists of units");
  require(checksums.rest().size() == 4 * sizes.size(), "lists of units");
  std::vector<Unit> units;
  std::uint64_t at = kHeaderSize;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::uint64_t padding = stored_sizes[i] < 16384 ? 0 : (64 - at % 64) % 64;
    require(at + padding + stored_sizes[i] <= units_end, "a unit runs into the index");
    for (const std::uint8_t byte : container.subspan(at, padding)) require(byte == 0, "padding");
    const View stored = container.subspan(at + padding, stored_sizes[i]);
    require(checksums.number(4) == low_half(XXH3_64bits(stored.data(), stored.size())), "checksum");
    require(sizes[i] >= 1 && sizes[i] <= std::uint64_t{1} << 26, "size of a unit");
    units.push_back({decode_tensor(stored, sizes[i])});
    at += padding + stored_sizes[i];
  }
  require(at == units_end, "bytes between units and index");
  return units;
}

// Section 3.2
Data transposed(View source, std::uint64_t rows, std::uint64_t columns, std::uint64_t width) {
  require(rows > 0 && columns > 0 && width > 0, "transposition");
  require(source.size() % (rows * columns * width) == 0, "transposition");
  Data out(source.size());
  for (std::uint64_t i = 0; i < source.size() / width; ++i) {
    const std::uint64_t matrix = i / (rows * columns) * rows * columns;
    const std::uint64_t row = (i - matrix) / columns;
    const std::uint64_t column = (i - matrix) % columns;
    const std::uint64_t target = matrix + column * rows + row;
    std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                out.begin() + static_cast<std::ptrdiff_t>(target * width));
  }
  return out;
}

std::vector<Data> read_slots(const Message& table, std::vector<Unit>& units) {
  std::array<std::vector<std::uint64_t>, 8> columns;
  for (std::uint64_t field = 1; field < columns.size(); ++field) columns[field] = table.list(field);
  const std::size_t count = columns[2].size();
  for (std::uint64_t field = 1; field < columns.size(); ++field) {
    if (field >= 4 && columns[field].empty()) columns[field].resize(count);
    require(columns[field].size() == count, "lists of slots");
  }
  std::vector<Data> slots;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t size = columns[2][i];
    Data bytes;
    if (const std::uint64_t repeat = columns[4][i]; repeat != 0) {
      require(repeat <= i && columns[4][repeat - 1] == 0, "a repeat of a repeat");
      bytes = slots[repeat - 1];
      if (columns[5][i] != 0) {
        bytes = transposed(bytes, columns[5][i], columns[6][i], columns[7][i]);
      }
    } else {
      for (std::uint64_t at = columns[3][i]; bytes.size() < size; ++at) {
        require(at < units.size(), "a slot beyond the units");
        Unit& unit = units[at];
        require(at == columns[3][i] || unit.used == 0, "a unit used before");
        const std::uint64_t some =
            std::min<std::uint64_t>(size - bytes.size(), unit.decoded.size() - unit.used);
        require(some > 0, "a unit used up");
        const auto from = unit.decoded.begin() + static_cast<std::ptrdiff_t>(unit.used);
        bytes.insert(bytes.end(), from, from + static_cast<std::ptrdiff_t>(some));
        unit.used += some;
      }
    }
    require(size > 0 && bytes.size() == size, "size of a slot");
    slots.push_back(std::move(bytes));
  }
  return slots;
}

void append(Data& to, View bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

void require_digest(const Data& bytes, View digest) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  require(same(digest, canonical.digest), "digest of a file");
}

}  // namespace

std::vector<File> read_container(View container, View dictionary) {
  static constexpr std::array<std::uint8_t, 8> kMagic = {0x89, 0x51, 0x43, 0x46,
                                                         0x0d, 0x0a, 0x1a, 0x0a};
  static constexpr std::array<std::uint8_t, 4> kEndMagic = {0x51, 0x43, 0x46, 0x89};

  Input header(container);
  require(same(header.take(8), kMagic), "magic");
  const std::uint64_t version = header.number(4);
  require(header.number(4) == low_half(XXH3_64bits(container.data(), 12)), "check of the header");
  require(version == 1, "version");

  require(container.size() >= kHeaderSize + kFooterSize, "cut short");
  const View footer_bytes = container.last(kFooterSize);
  Input footer(footer_bytes);
  const std::uint64_t stored_size = footer.number(4);
  const std::uint64_t index_size = footer.number(4);
  const std::uint64_t manifest_size = footer.number(4);
  const std::uint64_t dictionary_id = footer.number(4);
  const std::uint64_t index_checksum = footer.number(8);
  require(footer.number(4) == low_half(XXH3_64bits(footer_bytes.data(), 24)), "footer");
  require(same(footer.take(4), kEndMagic), "end magic");
  require(stored_size <= container.size() - kHeaderSize - kFooterSize, "size of the index");
  const std::uint64_t units_end = container.size() - kFooterSize - stored_size;
  const View stored = container.subspan(units_end, stored_size);
  require(XXH3_64bits(stored.data(), stored.size()) == index_checksum, "checksum of the index");
  require(dictionary_id <= 1 && manifest_size <= index_size, "footer");
  const Data index = zstd_content(stored, index_size, dictionary_id == 1 ? dictionary : View());

  Input literals(View(index).first(index_size - manifest_size));
  const Message manifest(View(index).last(manifest_size));
  std::vector<Unit> units = read_units(Message(manifest.text(4)), container, units_end);
  const Message slot_table(manifest.text(3));
  const std::vector<Data> slots = read_slots(slot_table, units);
  for (const Unit& unit : units) require(unit.used == unit.decoded.size(), "a unit not used up");

  const std::vector<std::uint64_t> literal_before = slot_table.list(1);
  std::vector<File> files;
  std::size_t slot = 0;
  for (const View entry : manifest.bytes.contains(2) ? manifest.bytes.at(2) : std::vector<View>()) {
    const Message fields(entry);
    const View path = fields.text(1);
    File file{std::string(path.begin(), path.end()), {}};
    for (const std::size_t end = slot + fields.number(4); slot < end; ++slot) {
      require(slot < slots.size(), "slots of a file");
      append(file.bytes, literals.take(literal_before[slot]));
      append(file.bytes, slots[slot]);
    }
    require(file.bytes.size() <= fields.number(2), "size of a file");
    append(file.bytes, literals.take(fields.number(2) - file.bytes.size()));
    require_digest(file.bytes, fields.text(3));
    files.push_back(std::move(file));
  }
  require(!files.empty() && slot == slots.size() && literals.at_end(), "bytes left over");
  return files;
}

}  // namespace qc::spec
