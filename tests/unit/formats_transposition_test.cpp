// Transposed copies against a permutation of axes by their indices.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "core/random.h"
#include "formats/qc/write/transposed_copies.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

using Dims = std::vector<std::int64_t>;

std::uint64_t count_of(const Dims& dims) { return element_count(dims).value_or(0); }

/// The elements in the order of permuted axes: axis i of the result is axis order[i] of the source.
Bytes permuted(const Bytes& source, const Dims& dims, const std::vector<std::size_t>& order,
               std::size_t width) {
  Bytes out(source.size());
  const std::uint64_t count = count_of(dims);
  for (std::uint64_t target = 0; target < count; ++target) {
    // The index along each axis of the source, from the flat index of the target.
    std::vector<std::uint64_t> index(dims.size());
    std::uint64_t rest = target;
    for (std::size_t i = order.size(); i-- > 0;) {
      const auto dim = static_cast<std::uint64_t>(dims[order[i]]);
      index[order[i]] = rest % dim;
      rest /= dim;
    }
    std::uint64_t from = 0;
    for (std::size_t i = 0; i < dims.size(); ++i)
      from = from * static_cast<std::uint64_t>(dims[i]) + index[i];
    std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(from * width), width,
                out.begin() + static_cast<std::ptrdiff_t>(target * width));
  }
  return out;
}

struct Case {
  Dims source_dims;
  Dims target_dims;
  TestTensor source;
  Bytes target;
};

/// Runs of neighbouring axes [first, second) and [second, end) swapped.
Case any_case() {
  const Element element = *rc::gen::elementOf(kElements);
  Case made;
  made.source_dims = *rc::gen::resize(
      4, rc::gen::suchThat(rc::gen::container<Dims>(rc::gen::inRange<std::int64_t>(1, 7)),
                           [](const Dims& dims) { return dims.size() >= 2; }));
  const std::size_t rank = made.source_dims.size();
  const auto first = *rc::gen::inRange<std::size_t>(0, rank - 1);
  const auto second = *rc::gen::inRange<std::size_t>(first + 1, rank);
  std::vector<std::size_t> order(rank);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::rotate(order.begin() + static_cast<std::ptrdiff_t>(first),
              order.begin() + static_cast<std::ptrdiff_t>(second), order.end());
  for (const std::size_t axis : order) made.target_dims.push_back(made.source_dims[axis]);
  made.source = make_tensor(Pattern::kUniform, element, count_of(made.source_dims),
                            *rc::gen::arbitrary<std::uint64_t>());
  made.target = permuted(made.source.data, made.source_dims, order, element.width);
  return made;
}

RC_GTEST_PROP(Transposition, IsFoundWhereTheElementsMoved, ()) {
  const Case made = any_case();
  const TensorView target{made.target, made.source.element, {}};
  RC_ASSERT(order_free_hash(made.source.view()) == order_free_hash(target));
  const auto how = find_transposition(made.source.view(), target, made.target_dims);
  if (!how) {
    RC_ASSERT(made.target == made.source.data);
    return;
  }
  RC_ASSERT(how->fits(made.target.size()));
  Bytes out(made.target.size());
  transpose(made.source.data, *how, out);
  RC_ASSERT(out == made.target);
}

RC_GTEST_PROP(Transposition, MovesEveryMatrixOnItsOwn, ()) {
  const Element element = *rc::gen::elementOf(kElements);
  const auto batch = *rc::gen::inRange<std::int64_t>(1, 5);
  const auto rows = *rc::gen::inRange<std::int64_t>(1, 20);
  const auto columns = *rc::gen::inRange<std::int64_t>(1, 20);
  const Dims dims = {batch, rows, columns};
  const TestTensor source = make_tensor(Pattern::kUniform, element, count_of(dims), 1);
  const Transposition how{static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns),
                          element.width};
  RC_ASSERT(how.fits(source.data.size()));
  Bytes out(source.data.size());
  transpose(source.data, how, out);
  RC_ASSERT(out == permuted(source.data, dims, {0, 2, 1}, element.width));
}

TEST(Transposition, IsNotFoundWhereAnElementDiffers) {
  const Dims dims = {12, 5};
  const TestTensor source = make_tensor(Pattern::kUniform, {4, true}, 60, 1);
  Bytes target = permuted(source.data, {5, 12}, {1, 0}, 4);
  const TensorView view{target, source.element, {}};
  ASSERT_TRUE(find_transposition(source.view(), view, dims).has_value());
  for (const std::size_t at : {0u, 100u, 239u}) {
    target[at] ^= 1;
    EXPECT_FALSE(find_transposition(source.view(), view, dims).has_value()) << at;
    EXPECT_NE(order_free_hash(source.view()), order_free_hash(view)) << at;
    target[at] ^= 1;
  }
  EXPECT_FALSE(find_transposition(source.view(), view, Dims{12, 6}).has_value()) << "another shape";
  EXPECT_FALSE(find_transposition(source.view(), view, Dims{60}).has_value()) << "a vector";
}

TEST(Transposition, FitsOnlyWholeMatrices) {
  constexpr std::uint64_t kHuge = std::uint64_t{1} << 63;
  EXPECT_TRUE((Transposition{3, 5, 4}.fits(60)));
  EXPECT_TRUE((Transposition{3, 5, 4}.fits(180)));
  EXPECT_FALSE((Transposition{3, 5, 4}.fits(120 + 4)));
  EXPECT_FALSE((Transposition{3, 5, 4}.fits(59)));
  EXPECT_FALSE((Transposition{3, 5, 4}.fits(0)));
  EXPECT_FALSE((Transposition{0, 5, 4}.fits(60)));
  EXPECT_FALSE((Transposition{3, 0, 4}.fits(60)));
  for (const std::uint64_t width : {0u, 3u, 5u, 16u}) {
    EXPECT_FALSE((Transposition{1, 1, width}.fits(240))) << width;
  }
  EXPECT_FALSE((Transposition{kHuge, 2, 1}.fits(64))) << "the product wraps to zero";
  EXPECT_FALSE((Transposition{kHuge, kHuge, 8}.fits(64)));
  EXPECT_FALSE((Transposition{(std::uint64_t{1} << 32) + 1, std::uint64_t{1} << 32, 1}.fits(
      std::uint64_t{1} << 32)));
}

}  // namespace
}  // namespace qc::test
