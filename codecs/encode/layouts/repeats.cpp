// Runs of elements that repeat earlier ones, forwards or backwards, with the same or the other
// sign, along rows or columns: tables of sines and cosines, mirrored filters, tiled matrices.
#include <vector>

#include "codecs/encode/entropy.h"
#include "codecs/encode/layout_table.h"
#include "codecs/encode/layouts/repeats_parse.h"

namespace qc {
namespace {

// The length of a row of the matrix that the tensor is; 1 where there is none.
std::uint64_t row_length(const TensorView& tensor) {
  const Grid& grid = tensor.grid;
  const std::uint64_t row = grid.columns * grid.taps;
  const bool fits = grid.first == 0 && row > 1 && row < tensor.count() && tensor.count() % row == 0;
  return fits ? row : 1;
}

// What an element takes that is stored, in bits.
std::uint64_t literal_bits(const Analysis& tensor) {
  const Palette* palette = tensor.palette();
  if (palette != nullptr) return entropy_bits(palette->counts) / tensor.count();
  return std::uint64_t{tensor.element().width} * 7;
}

// Bytes are left to zstd, and a few elements have nothing to repeat.
bool may_win(const Analysis& tensor) {
  constexpr std::size_t kFew = 256;
  constexpr std::size_t kSomeOf = 4;
  if (tensor.element().width == 1 || tensor.count() < kFew ||
      kSomeOf * (tensor.duplicates() + tensor.zeros()) < tensor.count()) {
    return false;
  }
  const std::uint64_t bits = literal_bits(tensor);
  return bits > 0 && has_repeated_runs(tensor.tensor(), row_length(tensor.tensor()), bits);
}

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  if (tensor.count() == 0) return false;
  const TensorView& view = tensor.tensor();
  const std::uint64_t columns = row_length(view);
  const std::uint64_t bits = literal_bits(tensor);
  const RepeatParse parse = parse_repeats(view, columns, bits);
  Bytes skips;
  Bytes lengths;
  Bytes distances;
  for (const RepeatRun& run : parse.runs) {
    append_varint(skips, run.skip);
    append_varint(lengths, kLengthStep * (run.length - 1) + (run.backward ? kBackward : 0) +
                               (run.negated ? kNegated : 0));
    append_varint(distances, run.distance);
  }
  // What the reader takes beside the elements must fit what DecodeContext grants it.
  if (skips.size() + lengths.size() + distances.size() > view.data.size()) return false;
  append_varint(out.bytes, parse.columns);
  append_varint(out.bytes, parse.runs.size());
  append_varint(out.bytes, parse.literals.size() / view.element.width);
  for (const Bytes* numbers : {&skips, &lengths, &distances}) {
    append_varint(out.bytes, numbers->size());
    encode_stream(std::vector<Symbol>(numbers->begin(), numbers->end()), 256, options.stages, out);
  }
  EncodeOptions inner = options;
  inner.layout.reset();
  encode_dense({parse.literals, view.element, {}}, inner, out);
  return true;
}

}  // namespace

const LayoutEncoder kRepeatsEncoder = {
    .decoder = kRepeatsDecoder,
    .help = "runs that repeat earlier ones, mirrored or negated, then the rest",
    .element_ps = 1500,
    .encode = encode,
    .may_win = may_win};

}  // namespace qc
