// Samples for networks with pictures: data sets with labels, and folders of pictures without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "data_feeds.h"
#include "data_files.h"
#include "harness.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::TempDir;
using harness::write_file;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kGrey = png_bytes({2, 2, "\x10\x20\x30\x40"}, PngKind::kGrey);
const std::string kColour = png_bytes({1, 2, "abcdef"}, PngKind::kRgb);

Graph picture_graph(std::vector<std::int64_t> dims, DataType type = DataType::kFloat) {
  return graph_with({tensor_value("image", type, std::move(dims))});
}

void write_digits(const TempDir& folder) {
  write_file(folder / "train-images-idx3-ubyte", idx_bytes({2, 1, 3}, "\x01\x02\x03\x04\x05\x06"));
  write_file(folder / "train-labels-idx1-ubyte", idx_bytes({2}, std::string("\0\1", 2)));
  write_file(folder / "t10k-images-idx3-ubyte", idx_bytes({1, 1, 3}, "\x07\x08\x09"));
  write_file(folder / "t10k-labels-idx1-ubyte", idx_bytes({1}, "\1"));
  write_file(folder / "dataset.toml", "scale = 1\n");
}

TEST(LabelledFeeds, ComeFromDataSets) {
  const TempDir folder;
  write_digits(folder);
  const auto train = open_checked(folder.path(), picture_graph({-1, 1, 1, 3}), Split::kTrain);
  ASSERT_EQ(train->size(), 2U);
  EXPECT_EQ(train->classes(), 2);
  EXPECT_THAT(train->notes(), ElementsAre());
  const Feed feed = train->load(1);
  EXPECT_EQ(feed.label, 1);
  EXPECT_THAT(feed.inputs[0].dims, ElementsAre(1, 1, 1, 3));
  EXPECT_THAT(values_of(feed.inputs[0]), ElementsAre(4, 5, 6));
  EXPECT_TRUE(feed.expected.empty());
  EXPECT_EQ(open_checked(folder.path(), picture_graph({-1, 1, 1, 3}), Split::kTest)->size(), 1U);
}

TEST(LabelledFeeds, HaveTheTypeAndRankOfTheInput) {
  const TempDir folder;
  write_digits(folder);
  for (const DataType type : {DataType::kFloat16, DataType::kBfloat16, DataType::kDouble,
                              DataType::kFloat, DataType::kUint8}) {
    const auto feeds = open_checked(folder.path(), picture_graph({1, 1, 1, 3}, type));
    EXPECT_THAT(values_of(feeds->load(0).inputs[0]), ElementsAre(7, 8, 9)) << data_type_name(type);
  }
  EXPECT_THAT(open_checked(folder.path(), picture_graph({1, 1, 3}))->load(0).inputs[0].dims,
              ElementsAre(1, 1, 3));
  const auto row = open_checked(folder.path(), picture_graph({-1, 3}));
  EXPECT_THAT(row->load(0).inputs[0].dims, ElementsAre(1, 3));
  EXPECT_THAT(row->notes(), Contains(HasSubstr("rows of values")));
  const auto free =
      open_checked(folder.path(), graph_with({shapeless_value("x", DataType::kFloat)}));
  EXPECT_THAT(free->load(0).inputs[0].dims, ElementsAre(1, 1, 1, 3));
  const auto coloured = open_checked(folder.path(), picture_graph({1, 3, 1, 3}));
  EXPECT_THAT(values_of(coloured->load(0).inputs[0]), ElementsAre(7, 8, 9, 7, 8, 9, 7, 8, 9));
}

TEST(LabelledFeeds, UnsuitableInputsAreNamed) {
  const TempDir folder;
  write_digits(folder);
  const auto message = [&](const Graph& graph) {
    const auto [code, text] = error_of_feeds(folder.path(), graph);
    EXPECT_EQ(code, ErrorCode::kUsage) << text;
    return text;
  };
  EXPECT_THAT(message(picture_graph({1, 1, 28, 28})),
              AllOf(HasSubstr("input 'image' wants float32 [1,1,28,28]"),
                    HasSubstr("are float32 [1,1,3]"), HasSubstr("resize")));
  EXPECT_THAT(message(picture_graph({4, 1, 1, 3})), HasSubstr("wants float32 [4,1,1,3]"));
  EXPECT_THAT(message(picture_graph({1, 1, 1, 3}, DataType::kInt64)),
              HasSubstr("no input of the network takes pictures"));
  EXPECT_THAT(message(graph_with({})), HasSubstr("no input"));
  const Graph two = graph_with({tensor_value("a", DataType::kFloat, {1, 1, 1, 3}),
                                tensor_value("b", DataType::kFloat, {1, 1, 1, 3})});
  EXPECT_THAT(message(two), AllOf(HasSubstr("more than one input"), HasSubstr("'a' float32"),
                                  HasSubstr("[data] input = \"a\"")));
  write_file(folder / "dataset.toml", "scale = 1\n[data]\ninput = 'b'\n");
  const auto named = open_checked(folder.path(), two);
  EXPECT_THAT(values_of(named->load(0).inputs[1]), ElementsAre(7, 8, 9));
  EXPECT_THAT(values_of(named->load(0).inputs[0]), ElementsAre(0, 0, 0));
  write_file(folder / "dataset.toml", "[inputs.a]\ndefault = 2\n");
  EXPECT_THAT(values_of(open_checked(folder.path(), two)->load(0).inputs[0]), ElementsAre(2, 2, 2));
}

TEST(PictureFeeds, NeedNoLabels) {
  const TempDir folder;
  write_file(folder / "b.png", kColour);
  write_file(folder / "a.png", kGrey);
  write_file(folder / "notes.txt", "not a picture");
  write_file(folder / "dataset.toml", "scale = 1\nresize = [1, 2]\n");
  const auto feeds = open_checked(folder.path(), picture_graph({1, 3, 1, 2}));
  ASSERT_EQ(feeds->size(), 2U);
  EXPECT_EQ(feeds->classes(), 0);
  EXPECT_FALSE(feeds->load(0).label);
  EXPECT_EQ(feeds->name(1), (folder / "b.png").string());
  EXPECT_THAT(values_of(feeds->load(1).inputs[0]), ElementsAre('a', 'd', 'b', 'e', 'c', 'f'));
  EXPECT_EQ(open_checked(folder / "b.png", picture_graph({1, 3, 1, 2}))->size(), 1U);
}

TEST(PictureFeeds, SizeLayoutAndChannelsComeFromTheInput) {
  const TempDir folder;
  write_file(folder / "a.png", kGrey);
  write_file(folder / "b.png", kColour);
  const auto planar = open_checked(folder.path(), picture_graph({-1, 3, 4, 5}));
  EXPECT_THAT(planar->load(0).inputs[0].dims, ElementsAre(1, 3, 4, 5));
  EXPECT_THAT(planar->notes(), Contains(HasSubstr("resized to 4x5, the size of input 'image'")));
  const auto interleaved = open_checked(folder.path(), picture_graph({-1, 1, 2, 3}));
  EXPECT_THAT(interleaved->load(1).inputs[0].dims, ElementsAre(1, 1, 2, 3));
  const auto nhwc = open_checked(folder.path(), picture_graph({-1, 4, 5, 3}));
  EXPECT_THAT(nhwc->notes(), Contains(HasSubstr("layout NHWC")));
  EXPECT_THAT(nhwc->load(1).inputs[0].dims, ElementsAre(1, 4, 5, 3));
  const auto bytes = open_checked(folder.path(), picture_graph({1, 1, 2, 3}, DataType::kUint8));
  EXPECT_THAT(bytes->load(1).inputs[0].dims, ElementsAre(1, 1, 2, 3));
  EXPECT_EQ(values_of(bytes->load(1).inputs[0]).front(), 98);  // 97.8, grey of 97, 98 and 99
}

TEST(PictureFeeds, MayDifferInSize) {
  const TempDir folder;
  write_file(folder / "a.png", kGrey);
  write_file(folder / "b.png", kColour);
  const auto feeds = open_checked(folder.path(), picture_graph({1, 3, -1, -1}));
  EXPECT_THAT(feeds->load(0).inputs[0].dims, ElementsAre(1, 3, 2, 2));
  EXPECT_THAT(feeds->load(1).inputs[0].dims, ElementsAre(1, 3, 1, 2));
  EXPECT_THAT(feeds->notes(), Not(Contains(HasSubstr("resized"))));
  write_file(folder / "dataset.toml", "resize = 4\n");
  const auto resized = open_checked(folder.path(), picture_graph({1, 3, -1, -1}));
  EXPECT_THAT(resized->load(0).inputs[0].dims, ElementsAre(1, 3, 4, 4));
  EXPECT_THAT(resized->load(1).inputs[0].dims, ElementsAre(1, 3, 4, 8));
}

TEST(PictureFeeds, SplitsAreFolders) {
  const TempDir folder;
  fs::create_directories(folder / "train");
  fs::create_directories(folder / "val");
  write_file(folder / "train/a.png", kGrey);
  write_file(folder / "train/b.png", kGrey);
  write_file(folder / "val/c.png", kGrey);
  const Graph graph = picture_graph({1, 1, 2, 2});
  EXPECT_EQ(open_checked(folder.path(), graph, Split::kTrain)->size(), 2U);
  EXPECT_EQ(open_checked(folder.path(), graph, Split::kTest)->size(), 1U);
}

TEST(PictureFeeds, ALineOfPixelsDoesNotBecomeTerabytes) {
  const TempDir folder;
  write_file(folder / "a.png", png_bytes({1, 40000, std::string(40000, 'x')}, PngKind::kGrey));
  write_file(folder / "dataset.toml", "resize = 16384\n");
  EXPECT_EQ(error_of_feeds(folder.path(), picture_graph({1, 1, -1, -1})).first, ErrorCode::kLimit);
}

TEST(PictureFeeds, AreNotResizedWithoutLimit) {
  const TempDir folder;
  write_file(folder / "a.png", kGrey);
  const std::int64_t huge = std::int64_t{1} << 40;
  EXPECT_EQ(error_of_feeds(folder.path(), picture_graph({1, 1, huge, huge})).first,
            ErrorCode::kLimit);
}

TEST(Feeds, AnEmptyFolderIsToldWithWhatIsUnderstood) {
  const TempDir folder;
  const auto [code, message] = error_of_feeds(folder.path(), picture_graph({1, 1, 2, 2}));
  EXPECT_EQ(code, ErrorCode::kFile);
  EXPECT_THAT(message, AllOf(HasSubstr("no test samples found in " + folder.path().string()),
                             HasSubstr("recordings: *.wav"), HasSubstr("idx (MNIST)"),
                             HasSubstr("\"random\"")));
  EXPECT_EQ(error_of_feeds(folder / "absent", picture_graph({1, 1, 2, 2})).first, ErrorCode::kFile);
}

TEST(SharedFeeds, FlatFolderOfPictures) {
  const auto shared = harness::shared_dir();
  if (!shared || !fs::exists(*shared / "data/imagenet-sample-1000")) {
    GTEST_SKIP() << "no data/imagenet-sample-1000 in QC_SHARED or ../shared";
  }
  const TempDir config;
  write_file(config / "dataset.toml", "resize = 232\ncrop = 224\nmean = [0.485, 0.456, 0.406]\n");
  const auto feeds =
      open_feeds({*shared / "data/imagenet-sample-1000/images", config / "dataset.toml"},
                 Split::kTest, picture_graph({1, 3, 224, 224}));
  EXPECT_EQ(feeds->size(), 1000U);
  for (const std::size_t i : {0U, 500U, 999U}) {
    EXPECT_THAT(feeds->load(i).inputs[0].dims, ElementsAre(1, 3, 224, 224));
  }
}

}  // namespace
}  // namespace qc
