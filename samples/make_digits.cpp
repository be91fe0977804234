// Writes a data set of drawn digits in MNIST's format, for the demo and the tests.
//
// Every machine writes the same bytes: the draws are integers, and the drawing uses only operations
// that IEEE 754 defines to the bit (+ - * / and square roots, no sines).

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"
#include "core/random.h"
#include "system/file.h"
#include "system/standard_streams.h"

namespace qc {
namespace {

constexpr std::size_t kSide = 28;   // pixels
constexpr std::size_t kPieces = 6;  // straight pieces between two points of a stroke
constexpr double kGlyphSize = 20;   // pixels of the unit square that glyphs are drawn in
constexpr std::uint32_t kMaxCount = 1'000'000;

struct Point {
  double x = 0;  // from left to right, in the unit square
  double y = 0;  // from top to bottom
};

Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
Point operator*(double factor, Point a) { return {factor * a.x, factor * a.y}; }
double dot(Point a, Point b) { return a.x * b.x + a.y * b.y; }

using Stroke = std::vector<Point>;  // a smooth curve through these points
using Glyph = std::vector<Stroke>;

// The ways in which people write each digit.
const std::array<std::vector<Glyph>, 10>& glyphs() {
  static const std::array<std::vector<Glyph>, 10> kGlyphs = {{
      // 0
      {{{{.52, .08},
         {.28, .22},
         {.2, .5},
         {.28, .8},
         {.5, .92},
         {.73, .78},
         {.8, .5},
         {.72, .2},
         {.5, .08}}},
       {{{.6, .1},
         {.38, .2},
         {.26, .55},
         {.36, .88},
         {.55, .86},
         {.7, .55},
         {.72, .25},
         {.56, .08},
         {.44, .18}}}},
      // 1
      {{{{.5, .08}, {.5, .5}, {.5, .92}}},
       {{{.32, .3}, {.54, .08}}, {{.54, .08}, {.53, .5}, {.52, .92}}},
       {{{.34, .26}, {.52, .08}}, {{.52, .08}, {.52, .9}}, {{.3, .9}, {.74, .9}}}},
      // 2
      {{{{.24, .3}, {.34, .13}, {.58, .1}, {.72, .3}, {.56, .58}, {.24, .88}},
        {{.24, .88}, {.5, .86}, {.8, .88}}},
       {{{.22, .26},
         {.46, .08},
         {.7, .25},
         {.6, .55},
         {.36, .84},
         {.22, .84},
         {.3, .72},
         {.52, .8},
         {.82, .86}}}},
      // 3
      {{{{.24, .2}, {.48, .08}, {.7, .24}, {.6, .42}, {.42, .48}},
        {{.42, .48}, {.68, .54}, {.76, .74}, {.5, .92}, {.2, .8}}},
       {{{.24, .12}, {.74, .12}},
        {{.74, .12}, {.44, .43}},
        {{.44, .43}, {.7, .5}, {.74, .74}, {.48, .92}, {.2, .82}}}},
      // 4
      {{{{.6, .08}, {.4, .36}, {.18, .62}}, {{.18, .62}, {.84, .6}}, {{.62, .1}, {.62, .92}}},
       {{{.28, .1}, {.22, .46}},
        {{.22, .46}, {.4, .52}, {.74, .46}},
        {{.74, .08}, {.7, .5}, {.66, .92}}}},
      // 5
      {{{{.74, .1}, {.3, .12}},
        {{.3, .12}, {.27, .46}},
        {{.27, .46}, {.5, .38}, {.75, .56}, {.68, .82}, {.42, .92}, {.2, .82}}},
       {{{.78, .12},
         {.42, .1},
         {.32, .3},
         {.44, .44},
         {.68, .56},
         {.66, .82},
         {.44, .92},
         {.22, .84}}}},
      // 6
      {{{{.66, .08},
         {.4, .28},
         {.25, .6},
         {.36, .88},
         {.62, .88},
         {.74, .68},
         {.56, .54},
         {.34, .6},
         {.26, .72}}},
       {{{.5, .08},
         {.32, .36},
         {.28, .7},
         {.44, .92},
         {.66, .8},
         {.6, .6},
         {.42, .6},
         {.32, .76}}}},
      // 7
      {{{{.2, .14}, {.5, .11}, {.78, .12}}, {{.78, .12}, {.56, .48}, {.42, .92}}},
       {{{.22, .14}, {.78, .12}}, {{.78, .12}, {.58, .5}, {.46, .92}}, {{.34, .5}, {.74, .48}}}},
      // 8
      {{{{.68, .2},
         {.48, .08},
         {.3, .22},
         {.44, .44},
         {.66, .6},
         {.7, .78},
         {.5, .92},
         {.28, .78},
         {.36, .58},
         {.6, .4},
         {.7, .22},
         {.58, .1}}},
       {{{.5, .08}, {.3, .2}, {.36, .4}, {.6, .42}, {.7, .24}, {.5, .08}},
        {{.5, .44}, {.26, .62}, {.36, .88}, {.62, .9}, {.74, .66}, {.5, .44}}}},
      // 9
      {{{{.72, .26}, {.52, .08}, {.28, .26}, {.36, .48}, {.58, .46}, {.72, .26}},
        {{.72, .26}, {.7, .58}, {.6, .92}}},
       {{{.7, .3},
         {.54, .1},
         {.3, .22},
         {.32, .46},
         {.56, .5},
         {.7, .3},
         {.74, .6},
         {.56, .9},
         {.28, .86}}}},
  }};
  return kGlyphs;
}

class Draws {
 public:
  explicit Draws(std::uint64_t seed) : random_(seed) {}

  double between(double low, double high) { return low + (high - low) * random_.uniform(); }
  /// Mean 0, standard deviation 1, at most 6: a sum of twelve.
  double bell() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random_.uniform();
    return sum;
  }
  std::size_t below(std::size_t bound) {
    return static_cast<std::size_t>(random_.uniform() * static_cast<double>(bound));
  }

 private:
  SplitMix64 random_;
};

// Where a point of the unit square comes to lie on the picture.
class Pose {
 public:
  explicit Pose(Draws& draws) {
    // cos = (1 - t^2) / (1 + t^2) and sin = 2t / (1 + t^2) for the tangent t of half the angle.
    const double t = std::clamp(draws.bell() * 0.055, -0.16, 0.16);
    const double cosine = (1 - t * t) / (1 + t * t);
    const double sine = 2 * t / (1 + t * t);
    const double wide = kGlyphSize * draws.between(0.72, 1.12);
    const double high = kGlyphSize * draws.between(0.8, 1.08);
    const double slant = -0.12 + draws.bell() * 0.16;
    right_ = {cosine * wide, sine * wide};
    down_ = {cosine * slant * high - sine * high, sine * slant * high + cosine * high};
    const double middle = static_cast<double>(kSide - 1) / 2;
    centre_ = {middle + draws.bell() * 0.8, middle + draws.bell() * 0.8};
  }

  Point place(Point point) const {
    return centre_ + (point.x - 0.5) * right_ + (point.y - 0.5) * down_;
  }

 private:
  Point right_;
  Point down_;
  Point centre_;
};

// The square of the distance from the nearest piece of a stroke to each pixel.
class Canvas {
 public:
  Canvas() { squares_.fill(std::numeric_limits<double>::max()); }

  // Pixels farther than `reach` are left out.
  void add_piece(Point from, Point to, double reach) {
    const Range rows = pixels(std::min(from.y, to.y) - reach, std::max(from.y, to.y) + reach);
    const Range columns = pixels(std::min(from.x, to.x) - reach, std::max(from.x, to.x) + reach);
    const Point along = to - from;
    const double length = std::max(dot(along, along), 1e-9);
    for (std::size_t y = rows.first; y < rows.last; ++y) {
      for (std::size_t x = columns.first; x < columns.last; ++x) {
        const Point offset = Point{static_cast<double>(x), static_cast<double>(y)} - from;
        const double t = std::clamp(dot(offset, along) / length, 0.0, 1.0);
        const Point gap = offset - t * along;
        double& square = squares_[y * kSide + x];
        square = std::min(square, dot(gap, gap));
      }
    }
  }

  double distance(std::size_t pixel) const { return std::sqrt(squares_[pixel]); }

 private:
  struct Range {
    std::size_t first;
    std::size_t last;
  };

  static Range pixels(double low, double high) {
    constexpr auto kEnd = static_cast<double>(kSide);
    return {static_cast<std::size_t>(std::clamp(low, 0.0, kEnd)),
            static_cast<std::size_t>(std::clamp(high + 1, 0.0, kEnd))};
  }

  std::array<double, kSide * kSide> squares_;
};

// Catmull and Rom's spline between b and c.
Point spline(Point a, Point b, Point c, Point d, double t) {
  const Point linear = c - a;
  const Point quadratic = 2 * a - 5 * b + 4 * c - d;
  const Point cubic = 3 * (b - c) + d - a;
  return 0.5 * (2 * b + t * (linear + t * (quadratic + t * cubic)));
}

void draw_stroke(const Stroke& points, double reach, Canvas& canvas) {
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const Point before = i == 0 ? points[0] : points[i - 1];
    const Point after = i + 2 < points.size() ? points[i + 2] : points[i + 1];
    Point from = points[i];
    for (std::size_t piece = 1; piece <= kPieces; ++piece) {
      const double t = static_cast<double>(piece) / static_cast<double>(kPieces);
      const Point to = spline(before, points[i], points[i + 1], after, t);
      canvas.add_piece(from, to, reach);
      from = to;
    }
  }
}

void draw_digit(std::size_t digit, Draws& draws, MutableBytes pixels) {
  const std::vector<Glyph>& variants = glyphs()[digit];
  const Glyph& glyph = variants[draws.below(variants.size())];
  const Pose pose(draws);
  const double radius = std::clamp(1.25 + draws.bell() * 0.35, 0.65, 2.2);  // of the pen, in pixels
  const double edge = draws.between(0.8, 1.6);
  const double tremble = draws.between(0.015, 0.05);  // of the unit square
  Canvas canvas;
  for (const Stroke& stroke : glyph) {
    Stroke placed;
    for (const Point point : stroke) {
      const Point tremor = {draws.bell(), draws.bell()};
      placed.push_back(pose.place(point + tremble * tremor));
    }
    draw_stroke(placed, radius + edge, canvas);
  }
  const double ink = draws.between(205, 255);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const double cover = std::clamp((radius - canvas.distance(i)) / edge + 0.5, 0.0, 1.0);
    const double grain = draws.bell() * (cover > 0 ? 14 : 5);
    pixels[i] = static_cast<std::uint8_t>(std::clamp(ink * cover + grain, 0.0, 255.0));
  }
}

void append_big_endian(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

Bytes idx_header(std::initializer_list<std::uint32_t> dims) {
  Bytes bytes = {0, 0, 0x08, static_cast<std::uint8_t>(dims.size())};
  for (const std::uint32_t dim : dims) append_big_endian(bytes, dim);
  return bytes;
}

void write_whole(const std::filesystem::path& path, const Bytes& bytes) {
  AtomicFile file(path, Overwrite::kReplace);
  file.write(bytes);
  file.commit();
}

// Digit i of a split is the same however many there are.
void write_split(const std::filesystem::path& folder, const std::string& name, std::uint32_t count,
                 std::uint64_t seed) {
  Bytes images = idx_header({count, kSide, kSide});
  Bytes labels = idx_header({count});
  SplitMix64 seeds(seed);
  for (std::uint32_t i = 0; i < count; ++i) {
    Draws draws(seeds.next());
    const std::size_t digit = draws.below(10);
    labels.push_back(static_cast<std::uint8_t>(digit));
    images.resize(images.size() + kSide * kSide);
    draw_digit(digit, draws, MutableBytes(images).last(kSide * kSide));
  }
  write_whole(folder / fmt::format("{}-images-idx3-ubyte", name), images);
  write_whole(folder / fmt::format("{}-labels-idx1-ubyte", name), labels);
}

int run(int argc, char** argv) {
  std::filesystem::path folder;
  std::uint32_t train = 6000;
  std::uint32_t test = 1000;
  std::uint64_t seed = 1;
  CLI::App app("Writes a data set of drawn digits in MNIST's format.", "make_digits");
  app.add_option("DIR", folder, "the folder to write to; made if it is not there")->required();
  app.add_option("--train", train, "training samples")
      ->check(CLI::Range(std::uint32_t{1}, kMaxCount))
      ->capture_default_str();
  app.add_option("--test", test, "test samples")
      ->check(CLI::Range(std::uint32_t{1}, kMaxCount))
      ->capture_default_str();
  app.add_option("--seed", seed, "other digits for another number")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ErrorCode::kUsage);
  }
  std::filesystem::create_directories(folder);
  SplitMix64 seeds(seed);
  write_split(folder, "train", train, seeds.next());
  write_split(folder, "t10k", test, seeds.next());
  return 0;
}

}  // namespace
}  // namespace qc

int main(int argc, char** argv) {
  try {
    return qc::run(argc, argv);
  } catch (const qc::Error& error) {
    qc::print_error(fmt::format("make_digits: {}\n", error.what()));
    return error.exit_status();
  } catch (const std::exception& error) {
    qc::print_error(fmt::format("make_digits: {}\n", error.what()));
    return static_cast<int>(qc::ErrorCode::kFile);
  }
}
