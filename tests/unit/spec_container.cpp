#include "spec_container.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <map>
#include <set>

// Numbers of sections are those of FORMAT.md.
namespace qc::spec {
namespace {

constexpr std::uint64_t kHeaderSize = 16;
constexpr std::uint64_t kFooterSize = 32;

std::uint64_t low_half(std::uint64_t hash) { return hash & 0xffffffff; }

bool same(View a, View b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

// A varint of a protocol buffer, which need not have the shortest form.
std::uint64_t proto_varint(Input& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint64_t byte = in.number(1);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw Broken("varint too long");
}

// A protocol buffer message: the values of each field, a number or the bytes of it.
struct Message {
  std::map<std::uint64_t, std::vector<std::uint64_t>> numbers;
  std::map<std::uint64_t, std::vector<View>> bytes;

  explicit Message(View text) {
    for (Input in(text); !in.at_end();) {
      const std::uint64_t tag = proto_varint(in);
      switch (tag % 8) {
        case 0:
          numbers[tag / 8].push_back(proto_varint(in));
          break;
        case 2:
          bytes[tag / 8].push_back(in.take(proto_varint(in)));
          break;
        case 1:
          in.take(8);
          break;
        case 5:
          in.take(4);
          break;
        default:
          throw Broken("wire type");
      }
    }
  }

  std::uint64_t number(std::uint64_t field) const {
    const auto found = numbers.find(field);
    if (found == numbers.end()) return 0;
    require(found->second.back() <= std::uint64_t{1} << 62, "a number over 2^62");
    return found->second.back();
  }

  View text(std::uint64_t field) const {
    const auto found = bytes.find(field);
    return found == bytes.end() ? View() : found->second.back();
  }

  std::vector<std::uint64_t> list(std::uint64_t field) const {
    std::vector<std::uint64_t> all;
    for (Input in(text(field)); !in.at_end();) {
      all.push_back(proto_varint(in));
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
    if (padding > 0) forms_met().insert("aligned unit");
    require(checksums.number(4) == low_half(XXH3_64bits(stored.data(), stored.size())), "checksum");
    require(sizes[i] >= 1 && sizes[i] <= std::uint64_t{1} << 26, "size of a unit");
    units.push_back({decode_tensor(stored, sizes[i])});
    at += padding + stored_sizes[i];
  }
  require(at == units_end, "bytes between units and index");
  return units;
}

// Section 3.3, rules 6 and 7, of a row of the table of slots.
using Columns = std::array<std::vector<std::uint64_t>, 11>;

void require_fields_of_slot(const Columns& columns, std::size_t slot) {
  const std::uint64_t set = (columns[5][slot] != 0 ? 1 : 0) + (columns[6][slot] != 0 ? 1 : 0) +
                            (columns[7][slot] != 0 ? 1 : 0);
  const bool repeats = columns[4][slot] != 0;
  require(set == 0 || (set == 3 && repeats), "fields of a transposition");
  require(!repeats || columns[3][slot] == 0, "the unit of a repeat");
  if (set == 0) return;
  const std::uint64_t width = columns[7][slot];
  require(width == 1 || width == 2 || width == 4 || width == 8, "width of a transposition");
  const std::uint64_t size = columns[2][slot];
  require(size <= std::uint64_t{1} << 26, "size of a transposed slot");
  require(columns[5][slot] <= size && columns[6][slot] <= size, "transposition");
  require(size % (columns[5][slot] * columns[6][slot] * width) == 0, "transposition");
}

// Section 3.3, rule 3
void require_paths(const std::vector<File>& files) {
  require(!files.empty(), "no files");
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string& path = files[i].path;
    require(path.find('\0') == std::string::npos && path.find('\\') == std::string::npos, "path");
    const bool letter = !path.empty() && std::isalpha(static_cast<unsigned char>(path[0])) != 0;
    require(!letter || path.size() < 2 || path[1] != ':', "a drive in a path");
    std::vector<std::string> parts = {""};
    for (const char byte : path) {
      if (byte == '/') {
        parts.emplace_back();
      } else {
        parts.back() += byte;
      }
    }
    for (const std::string& part : parts) {
      require(!part.empty() && part != "." && part != "..", "part of a path");
    }
    require(i > 0 || parts.size() == 1, "the model in a folder");
    for (std::size_t k = 0; k < files.size(); ++k) {
      require(k == i || (files[k].path != path && !files[k].path.starts_with(path + "/")),
              "paths that exclude each other");
    }
  }
}

// Section 3.2
Data transposed(View source, std::uint64_t rows, std::uint64_t columns, std::uint64_t width) {
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

Columns read_columns(const Message& table) {
  Columns columns;
  for (std::uint64_t field = 1; field < columns.size(); ++field) columns[field] = table.list(field);
  const std::size_t count = columns[2].size();
  for (std::uint64_t field = 1; field < columns.size(); ++field) {
    if (field >= 4 && columns[field].empty()) columns[field].resize(count);
    require(columns[field].size() == count, "lists of slots");
  }
  return columns;
}

// What slots hold of their own: of an update, before it is put together with the base.
std::vector<Data> read_slots(const Columns& columns, std::vector<Unit>& units) {
  const std::size_t count = columns[2].size();
  std::vector<Data> slots;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t size = columns[2][i];
    require_fields_of_slot(columns, i);
    Data bytes;
    if (const std::uint64_t repeat = columns[4][i]; repeat != 0) {
      require(repeat <= i && columns[4][repeat - 1] == 0, "a repeat of a repeat");
      require(columns[8][i] == 0 && columns[8][repeat - 1] == 0, "a repeat of the base");
      forms_met().insert(columns[5][i] != 0 ? "transposed repeat" : "repeat");
      bytes = slots[repeat - 1];
      require(bytes.size() == size, "size of a repeat");
      if (columns[5][i] != 0) {
        bytes = transposed(bytes, columns[5][i], columns[6][i], columns[7][i]);
      }
    } else if (columns[8][i] == 1) {
      require(columns[3][i] == 0, "a copy in a unit");
      bytes.resize(size);
    } else {
      for (std::uint64_t at = columns[3][i]; bytes.size() < size; ++at) {
        require(at < units.size(), "a slot beyond the units");
        Unit& unit = units[at];
        require(at == columns[3][i] || unit.used == 0, "a unit used before");
        if (unit.used > 0) forms_met().insert("pool");
        if (at > columns[3][i]) forms_met().insert("long slot");
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

std::uint64_t element_at(View bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value |= std::uint64_t{bytes[at + i]} << (8 * i);
  return value;
}

// Section 3.4: puts a slot at `offset` of its file together with the file of the base.
void add_base(const Columns& columns, std::size_t slot, std::uint64_t offset, View base,
              Input& codebooks, Data& bytes) {
  const std::uint64_t method = columns[8][slot];
  const std::uint64_t values = columns[10][slot];
  if (method == 0) {
    require(columns[9][slot] == 0 && values == 0, "a shift without a base");
    return;
  }
  require(method <= 4 && (values != 0) == (method >= 3) && values <= 4096, "method");
  const std::uint64_t shift = columns[9][slot] / 2;
  const bool back = columns[9][slot] % 2 != 0;
  require(!back || shift < offset, "a range before the base");
  const std::uint64_t start = back ? offset - shift - 1 : offset + shift;
  require(start <= base.size() && bytes.size() <= base.size() - start, "a range beyond the base");
  const View range = base.subspan(start, bytes.size());
  if (method <= 2) {
    forms_met().insert(method == 1 ? "copy of the base" : "xor of the base");
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] ^= range[i];
    return;
  }
  forms_met().insert("ranks of the base");
  const std::size_t width = method == 3 ? 2 : 4;
  require(bytes.size() % width == 0, "half an element");
  std::set<std::uint64_t> distinct;
  for (std::size_t at = 0; at < range.size(); at += width) {
    distinct.insert(element_at(range, at, width));
  }
  require(distinct.size() <= 4096, "values of the base");
  const View codebook = codebooks.take(values * width);
  for (std::size_t at = 0; at < bytes.size(); at += width) {
    const std::uint64_t difference = element_at(bytes, at, width);
    require(difference < values, "difference of ranks");
    const auto rank = static_cast<std::uint64_t>(
        std::distance(distinct.begin(), distinct.find(element_at(range, at, width))));
    std::copy_n(
        codebook.begin() + static_cast<std::ptrdiff_t>((rank + difference) % values * width), width,
        bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

void append(Data& to, View bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

void require_digest(const Data& bytes, View digest) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  require(same(digest, canonical.digest), "digest of a file");
}

}  // namespace

std::vector<File> read_container(View container, View dictionary, const std::vector<View>& base) {
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
  require(index_size / 32768 <= stored_size, "size of the index");
  const Data index = zstd_content(stored, index_size, dictionary_id == 1 ? dictionary : View());

  Input literals(View(index).first(index_size - manifest_size));
  const Message manifest(View(index).last(manifest_size));
  std::vector<Unit> units = read_units(Message(manifest.text(4)), container, units_end);
  const Columns columns = read_columns(Message(manifest.text(3)));
  std::vector<Data> slots = read_slots(columns, units);
  for (const Unit& unit : units) require(unit.used == unit.decoded.size(), "a unit not used up");

  const auto messages = [&](std::uint64_t field) {
    return manifest.bytes.contains(field) ? manifest.bytes.at(field) : std::vector<View>();
  };
  const std::vector<View> base_entries = messages(6);
  require(base.size() == base_entries.size(), "files of the base");
  for (std::size_t i = 0; i < base.size(); ++i) {
    const Message entry(base_entries[i]);
    require(entry.number(2) == base[i].size(), "size of the base");
    require_digest({base[i].begin(), base[i].end()}, entry.text(3));
  }
  const View codebook_bytes = manifest.text(7);
  Input codebooks(codebook_bytes);
  std::vector<File> files;
  std::size_t slot = 0;
  for (const View entry : messages(2)) {
    const Message fields(entry);
    const View path = fields.text(1);
    File file{std::string(path.begin(), path.end()), {}};
    for (const std::size_t end = slot + fields.number(4); slot < end; ++slot) {
      require(slot < slots.size(), "slots of a file");
      append(file.bytes, literals.take(columns[1][slot]));
      const View of_base = files.size() < base.size() ? base[files.size()] : View();
      add_base(columns, slot, file.bytes.size(), of_base, codebooks, slots[slot]);
      append(file.bytes, slots[slot]);
    }
    require(file.bytes.size() <= fields.number(2), "size of a file");
    append(file.bytes, literals.take(fields.number(2) - file.bytes.size()));
    require_digest(file.bytes, fields.text(3));
    files.push_back(std::move(file));
  }
  require_paths(files);
  require(slot == slots.size() && literals.at_end() && codebooks.at_end(), "bytes left over");
  if (units.empty()) forms_met().insert("model as a whole");
  if (files.size() > 1) forms_met().insert("external file");
  return files;
}

}  // namespace qc::spec
