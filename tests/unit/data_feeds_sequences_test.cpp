// Samples that are sequences: recordings and texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include <filesystem>
#include <string>
#include <vector>

#include "data_feeds.h"
#include "data_files.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"
#include "heap_meter.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::TempDir;
using harness::write_file;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int16_t kHalf = 16384;

Graph sequence_graph(DataType type, std::vector<std::int64_t> dims) {
  return graph_with({tensor_value("in", type, std::move(dims))});
}

TEST(TextFeeds, AreBytesOfFiles) {
  const TempDir folder;
  write_file(folder / "b.txt", "xyz\n");
  write_file(folder / "a.txt", "ab");
  for (const DataType type : {DataType::kUint8, DataType::kInt32, DataType::kInt64,
                              DataType::kFloat, DataType::kFloat16}) {
    const auto feeds = open_checked(folder.path(), sequence_graph(type, {-1, -1}));
    ASSERT_EQ(feeds->size(), 2U);
    EXPECT_THAT(feeds->load(0).inputs[0].dims, ElementsAre(1, 2));
    EXPECT_THAT(values_of(feeds->load(1).inputs[0]), ElementsAre('x', 'y', 'z', '\n'));
  }
  write_file(folder / "labels.csv", "b.txt,1\na.txt,0\n");
  const auto labelled = open_checked(folder.path(), sequence_graph(DataType::kInt64, {-1}));
  EXPECT_EQ(labelled->classes(), 2);
  EXPECT_EQ(labelled->load(1).label, 1);
  EXPECT_THAT(labelled->load(1).inputs[0].dims, ElementsAre(4));
  write_file(folder / "labels.csv", "b.txt,1\n");
  EXPECT_THAT(error_of_feeds(folder.path(), sequence_graph(DataType::kInt64, {-1})).second,
              HasSubstr("labels.csv has no label for a.txt"));
}

TEST(TextFeeds, AreLinesOfAFile) {
  const TempDir folder;
  write_file(folder / "a.txt", "ab\r\n\nc\n");
  const auto feeds = open_checked(folder / "a.txt", sequence_graph(DataType::kInt64, {-1, 1}));
  ASSERT_EQ(feeds->size(), 2U);
  EXPECT_THAT(feeds->load(0).inputs[0].dims, ElementsAre(2, 1));
  EXPECT_THAT(values_of(feeds->load(1).inputs[0]), ElementsAre('c'));
  EXPECT_EQ(feeds->name(1), (folder / "a.txt").string() + ":3");
  write_file(folder / "a.txt", "\n\n");
  EXPECT_THAT(error_of_feeds(folder / "a.txt", sequence_graph(DataType::kInt64, {-1})).second,
              HasSubstr("has no line with text"));
  write_file(folder / "a.txt", "");
  EXPECT_THAT(error_of_feeds(folder.path(), sequence_graph(DataType::kInt64, {-1})).second,
              HasSubstr("a.txt is empty"));
}

TEST(TextFeeds, AreCutAndPaddedToALength) {
  const TempDir folder;
  write_file(folder / "a.txt", "abc");
  const auto fixed = [&](std::int64_t length) {
    return values_of(open_checked(folder.path(), sequence_graph(DataType::kInt64, {1, length}))
                         ->load(0)
                         .inputs[0]);
  };
  EXPECT_THAT(fixed(2), ElementsAre('a', 'b'));
  EXPECT_THAT(fixed(4), ElementsAre('a', 'b', 'c', 0));
  write_file(folder / "dataset.toml", "[text]\nlength = 5\noffset = -96\npad = 9\n");
  EXPECT_THAT(
      values_of(
          open_checked(folder.path(), sequence_graph(DataType::kInt32, {-1}))->load(0).inputs[0]),
      ElementsAre(1, 2, 3, 9, 9));
  EXPECT_THAT(error_of_feeds(folder.path(), sequence_graph(DataType::kInt64, {1, 4})).second,
              HasSubstr("has length = 5"));
  write_file(folder / "dataset.toml", "[text]\noffset = -98\n");
  EXPECT_THAT(error_of_feeds(folder.path(), sequence_graph(DataType::kUint8, {1, -1})).second,
              AllOf(HasSubstr("input 'in' wants uint8 [1,?]"), HasSubstr("does not hold -1")));
}

TEST(TextFeeds, AreCodePoints) {
  const TempDir folder;
  write_file(folder / "dataset.toml", "[text]\nencoding = 'utf-8'\n");
  const Graph graph = sequence_graph(DataType::kInt64, {1, -1});
  write_file(folder / "a.txt", "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_THAT(values_of(open_checked(folder.path(), graph)->load(0).inputs[0]),
              ElementsAre('a', 0xe4, 0x20ac, 0x1f600));
  for (const char* broken : {"a\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xff",
                             "\xf4\x90\x80\x80", "\xc3("}) {
    write_file(folder / "a.txt", broken);
    const auto [code, message] = error_of_feeds(folder.path(), graph);
    EXPECT_EQ(code, ErrorCode::kCorrupt) << broken;
    EXPECT_THAT(message, HasSubstr("is not UTF-8"));
  }
}

TEST(TextFeeds, NeedAnInputForSequences) {
  const TempDir folder;
  write_file(folder / "a.txt", "abc");
  const auto [code, message] =
      error_of_feeds(folder.path(), sequence_graph(DataType::kInt64, {1, 3, 8}));
  EXPECT_EQ(code, ErrorCode::kUsage);
  EXPECT_THAT(message, AllOf(HasSubstr("no input of the network takes texts"),
                             HasSubstr("'in' int64 [1,3,8]")));
}

std::vector<std::int16_t> ramp(std::int16_t count) {
  std::vector<std::int16_t> values;
  for (std::int16_t i = 1; i <= count; ++i) values.push_back(static_cast<std::int16_t>(i * 1024));
  return values;
}

TEST(AudioFeeds, AreWholeRecordings) {
  const TempDir folder;
  write_file(folder / "b.WAV", wav_bytes(16000, 2, {kHalf, -kHalf, kHalf, kHalf}));
  write_file(folder / "a.wav", wav_bytes(16000, 1, {kHalf, 0, -32768}));
  const auto feeds = open_checked(folder.path(), sequence_graph(DataType::kFloat, {1, -1}));
  ASSERT_EQ(feeds->size(), 2U);
  EXPECT_THAT(values_of(feeds->load(0).inputs[0]), ElementsAre(0.5, 0, -1));
  EXPECT_THAT(values_of(feeds->load(1).inputs[0]), ElementsAre(0, 0.5));
  EXPECT_THAT(feeds->notes(), ElementsAre(HasSubstr("recordings have 16000 Hz")));
  EXPECT_THAT(open_checked(folder.path(), sequence_graph(DataType::kFloat16, {-1, 1, -1}))
                  ->load(0)
                  .inputs[0]
                  .dims,
              ElementsAre(1, 1, 3));
}

TEST(AudioFeeds, AreCutIntoWindows) {
  const TempDir folder;
  write_file(folder / "a.wav", wav_bytes(8000, 1, ramp(10)));
  write_file(folder / "b.wav", wav_bytes(8000, 1, ramp(3)));
  write_file(folder / "c.wav", wav_bytes(8000, 1, ramp(4)));
  write_file(folder / "dataset.toml", "[audio]\nrate = 8000\n");
  const Graph fixed = sequence_graph(DataType::kFloat, {1, 1, 4});
  const auto feeds = open_checked(folder.path(), fixed);
  ASSERT_EQ(feeds->size(), 4U);
  EXPECT_THAT(values_of(feeds->load(1).inputs[0]), ElementsAre(5 / 32., 6 / 32., 7 / 32., 8 / 32.));
  EXPECT_THAT(values_of(feeds->load(2).inputs[0]), ElementsAre(1 / 32., 2 / 32., 3 / 32., 0));
  EXPECT_EQ(feeds->name(1), "values 4 to 8 of " + (folder / "a.wav").string());
  EXPECT_THAT(feeds->notes(), ElementsAre(HasSubstr("1 recordings are shorter")));
  write_file(folder / "dataset.toml", "[audio]\nwindow = 4\nhop = 1\n");
  EXPECT_EQ(open_checked(folder.path(), sequence_graph(DataType::kFloat, {-1}))->size(), 9U);
  EXPECT_THAT(error_of_feeds(folder.path(), sequence_graph(DataType::kFloat, {1, 5})).second,
              HasSubstr("has window = 4"));
  write_file(folder / "dataset.toml", "[audio]\nhop = 1\n");
  EXPECT_THAT(error_of_feeds(folder.path(), sequence_graph(DataType::kFloat, {1, -1})).second,
              HasSubstr("a hop without a window"));
}

TEST(AudioFeeds, OtherRatesAreRefused) {
  const TempDir folder;
  write_file(folder / "a.wav", wav_bytes(8000, 1, ramp(4)));
  write_file(folder / "b.wav", wav_bytes(44100, 1, ramp(4)));
  const Graph graph = sequence_graph(DataType::kFloat, {1, -1});
  const auto [code, message] = error_of_feeds(folder.path(), graph);
  EXPECT_EQ(code, ErrorCode::kUsage);
  EXPECT_THAT(message, AllOf(HasSubstr("b.wav has 44100 Hz, the others have 8000 Hz"),
                             HasSubstr("resample")));
  write_file(folder / "dataset.toml", "[audio]\nrate = 16000\n");
  EXPECT_THAT(error_of_feeds(folder.path(), graph).second,
              HasSubstr("a.wav has 8000 Hz, [audio] of dataset.toml wants 16000 Hz"));
}

TEST(AudioFeeds, MayBeFlac) {
  const TempDir folder;
  const auto path = folder / "a.flac";
  SF_INFO info{};
  info.samplerate = 16000;
  info.channels = 1;
  info.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  ASSERT_NE(file, nullptr);
  const std::vector<std::int16_t> values = ramp(30);
  ASSERT_EQ(sf_write_short(file, values.data(), 30), 30);
  sf_close(file);
  const Graph graph = sequence_graph(DataType::kFloat, {1, 8});
  const auto feeds = open_checked(folder.path(), graph);
  ASSERT_EQ(feeds->size(), 3U);
  EXPECT_EQ(values_of(feeds->load(2).inputs[0]).front(), 17 / 32.);
  EXPECT_EQ(open_checked(path, graph)->size(), 3U);
}

TEST(AudioFeeds, BrokenRecordingsAreRefused) {
  const TempDir folder;
  const Graph graph = sequence_graph(DataType::kFloat, {1, -1});
  const std::string whole = wav_bytes(16000, 1, ramp(8));
  for (const std::string& broken : {std::string(), std::string("RIFF"), whole.substr(0, 30),
                                    whole.substr(0, 44), std::string(100, 'x')}) {
    write_file(folder / "a.wav", broken);
    const auto [code, message] = error_of_feeds(folder.path(), graph);
    EXPECT_EQ(code, ErrorCode::kCorrupt) << broken.size();
    EXPECT_THAT(message, HasSubstr("a.wav"));
  }
}

TEST(AudioFeeds, HugeClaimsTakeNoMemory) {
  const TempDir folder;
  const Graph graph = sequence_graph(DataType::kFloat, {1, -1});
  std::string wav = wav_bytes(16000, 1, ramp(8));
  wav.replace(40, 4, "\xf0\xff\xff\x7f");
  write_file(folder / "a.wav", wav);
  const test::HeapMeter heap;
  // libsndfile takes the size of the file for that of the data.
  try {
    EXPECT_LE(open_feeds({folder.path(), {}}, Split::kTest, graph)->load(0).inputs[0].bytes.size(),
              64U);
  } catch (const Error& error) {
    EXPECT_NE(error.code(), ErrorCode::kInternal);
  }
  EXPECT_LT(heap.peak(), std::size_t{4} << 20);
}

TEST(SharedFeeds, WindowsForAStatefulNetwork) {
  const auto shared = harness::shared_dir();
  if (!shared || !fs::exists(*shared / "models/dtln")) {
    GTEST_SKIP() << "no models/dtln in QC_SHARED or ../shared";
  }
  const TempDir folder;
  write_file(folder / "a.wav", wav_bytes(16000, 1, std::vector<std::int16_t>(1300, kHalf)));
  const OnnxModel model = OnnxModel::open(*shared / "models/dtln/model_2.onnx");
  const auto feeds = open_checked(folder.path(), model.graph()->main);
  EXPECT_EQ(feeds->size(), 2U);
  EXPECT_THAT(feeds->load(0).inputs[0].dims, ElementsAre(1, 1, 512));
  EXPECT_THAT(feeds->notes(), Contains(HasSubstr("'input_5' float32 [1,2,128,2]: zeros")));
}

}  // namespace
}  // namespace qc
