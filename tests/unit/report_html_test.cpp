// The pictures of the report against sums by hand, and the page against what may not be in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "core/float_types.h"
#include "report/html_parts.h"
#include "report/html_report.h"
#include "report/tensor_picture.h"

namespace qc {
namespace {

using testing::HasSubstr;
using testing::Not;

Bytes floats(const std::vector<float>& values) {
  Bytes bytes(4 * values.size());
  store_floats(DataType::kFloat, values, bytes);
  return bytes;
}

TEST(Escaped, LeavesNoMarkup) {
  EXPECT_EQ(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
  EXPECT_EQ(escaped("größe"), "größe");
  EXPECT_EQ(escaped("a\nb\x7f"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
  EXPECT_EQ(escaped("\xff\xc3"), "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Histogram, CountsEveryNumberOnce) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Bytes elements = floats({0, -0.0F, 1, -1, 0.5F, 3, -infinity, nan, 0.01F});
  const Histogram histogram = histogram_of(DataType::kFloat, elements, 1);
  EXPECT_EQ(histogram.zeros, 2U);
  EXPECT_EQ(std::accumulate(histogram.bins.begin(), histogram.bins.end(), std::uint64_t{0}), 6U);
  EXPECT_EQ(histogram.bins.front(), 2U);  // -1 and what lies below
  EXPECT_EQ(histogram.bins.back(), 2U);
  EXPECT_EQ(histogram.bins[48], 1U);
  EXPECT_EQ(histogram.bins[32], 1U);
  EXPECT_EQ(largest_magnitude(DataType::kFloat, elements), 3);
}

TensorInfo tensor_of(const std::vector<std::int64_t>& dims, int channel_axis) {
  TensorInfo tensor;
  tensor.name = "w";
  tensor.type = DataType::kFloat;
  tensor.dims = dims;
  tensor.channel_axis = channel_axis;
  return tensor;
}

TEST(SparsityPattern, HasACellForEachElementOfASmallMatrix) {
  const Bytes elements = floats({1, 0, 2, 0, 0, 3});
  const SparsityPattern rows = sparsity_pattern(tensor_of({2, 3}, 0), elements);
  EXPECT_EQ(rows.rows, 2U);
  EXPECT_EQ(rows.columns, 3U);
  EXPECT_THAT(rows.kept, testing::ElementsAre(255, 0, 255, 0, 0, 255));
  // Of a Gemm that holds its channels in columns the matrix is turned.
  const SparsityPattern turned = sparsity_pattern(tensor_of({2, 3}, 1), elements);
  EXPECT_EQ(turned.rows, 3U);
  EXPECT_THAT(turned.kept, testing::ElementsAre(255, 0, 0, 0, 255, 255));
}

TEST(SparsityPattern, SumsUpLargeOnes) {
  std::vector<float> values(200 * 1000, 0);
  for (std::size_t i = 0; i < values.size(); i += 2) values[i] = 1;
  const SparsityPattern pattern = sparsity_pattern(tensor_of({200, 1000}, 0), floats(values));
  EXPECT_EQ(pattern.rows, 96U);
  EXPECT_EQ(pattern.columns, 128U);
  double mean = 0;
  for (const std::uint8_t share : pattern.kept) mean += share / 255.0;
  EXPECT_NEAR(mean / static_cast<double>(pattern.kept.size()), 0.5, 0.01);
}

TEST(SparsityPattern, IsAPngImage) {
  const SparsityPattern pattern =
      sparsity_pattern(tensor_of({2, 3}, 0), floats({1, 0, 2, 0, 0, 3}));
  const Bytes file = pattern.png();
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  ASSERT_NE(png_image_begin_read_from_memory(&image, file.data(), file.size()), 0);
  EXPECT_EQ(image.width, 3U);
  EXPECT_EQ(image.height, 2U);
  image.format = PNG_FORMAT_GA;
  Bytes pixels(PNG_IMAGE_SIZE(image));
  ASSERT_NE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr), 0);
  EXPECT_THAT(pixels, testing::ElementsAre(0, 255, 0, 0, 0, 255, 0, 0, 0, 0, 0, 255));
}

HtmlReport sample() {
  HtmlReport report;
  report.title = "a <model>";
  TensorBreakdown line;
  line.tensor = tensor_of({2, 3}, 0);
  line.tensor.name = "<script>alert(1)</script>";
  line.tensor.size = 24;
  line.layout = "csr";
  line.stored_bytes = 10;
  line.nonzeros = 3;
  report.breakdown.tensors = {line};
  report.breakdown.totals.original = 100;
  report.breakdown.totals.container = 20;
  const Bytes elements = floats({1, 0, 2, 0, 0, 3});
  report.pages = {{.tensor = 0,
                   .histogram = histogram_of(DataType::kFloat, elements, 3),
                   .before = histogram_of(DataType::kFloat, elements, 3),
                   .pattern = sparsity_pattern(line.tensor, elements)}};
  report.steps = {
      {.label = "start", .bytes = 100, .score = "99.00 %", .value = 0.99},
      {.label = "prune 1/2", .bytes = 40, .kept = 0.5, .score = "98.00 %", .value = 0.98},
      {.label = "prune 2/2",
       .bytes = 20,
       .kept = 0.1,
       .score = "9.00 %",
       .value = 0.09,
       .is_kept = false}};
  report.score_name = "top1";
  return report;
}

TEST(HtmlReport, AsksForNothingAndRunsNothing) {
  const std::string page = html_report(sample());
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("http:")));
  EXPECT_THAT(page, Not(HasSubstr("https:")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(HtmlReport, HasEveryStepAndTensorAsText) {
  const std::string page = html_report(sample());
  EXPECT_THAT(page, HasSubstr("5.0 times smaller"));
  EXPECT_THAT(page, HasSubstr("<td>prune 2/2</td><td>10.00 %</td><td>20</td><td>9.00 %</td><td>not "
                              "kept</td>"));
  EXPECT_THAT(page, HasSubstr("<td>2x3</td><td>50.00 %</td><td>csr</td><td>24</td><td>10</td>"));
}

TEST(HtmlReport, ClosesWhatItOpens) {
  const std::string page = html_report(sample());
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    const std::string tag = page.substr(at + 1, page.find('>', at) - at - 1);
    if (tag.starts_with('!')) continue;
    const bool closes = tag.starts_with('/');
    const std::size_t first = closes ? 1 : 0;
    const std::string name = tag.substr(first, tag.find_first_of(" /", first) - first);
    if (name == "meta" || name == "link" || name == "img" || tag.ends_with('/')) continue;
    if (closes) {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(open.back(), name);
      open.pop_back();
    } else {
      open.push_back(name);
    }
  }
  EXPECT_TRUE(open.empty());
}

}  // namespace
}  // namespace qc
