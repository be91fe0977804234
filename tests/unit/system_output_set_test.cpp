// Outputs of several files: all or none, whatever happens in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "harness.h"
#include "system/mapped_file.h"
#include "system/output_set.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class OutputSetTest : public testing::Test {
 protected:
  void put(const fs::path& relative, const std::string& text) const {
    fs::create_directories((folder() / relative).parent_path());
    std::ofstream(folder() / relative) << text;
  }
  std::string get(const fs::path& relative) const {
    return fs::exists(folder() / relative) ? harness::read_file(folder() / relative) : "none";
  }
  const fs::path& folder() const { return folder_.path(); }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder())) {
      all.push_back(fs::relative(entry.path(), folder()).generic_string());
    }
    return all;
  }

  // A main file and two beside it, all with the same text.
  void write(
      const std::string& text, Overwrite overwrite,
      const std::function<void()>& before_commit = [] {}) const {
    OutputSet outputs(folder() / "m", overwrite, Sync::kToDisk);
    ByteSink& first = outputs.add("a");
    ByteSink& second = outputs.add("d/b");
    for (ByteSink* sink : {&outputs.main(), &first, &second}) sink->write(as_bytes(text));
    before_commit();
    outputs.commit();
  }

  static std::string error_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kFile);
      return error.what();
    }
    return "";
  }

  harness::TempDir folder_;
};

TEST_F(OutputSetTest, AllAppearTogether) {
  write("new", Overwrite::kRefuse, [&] { EXPECT_THAT(names(), UnorderedElementsAre("d")); });
  EXPECT_THAT(names(), UnorderedElementsAre("m", "a", "d", "d/b"));
  write("newer", Overwrite::kReplace, [&] { EXPECT_EQ(get("a"), "new"); });
  EXPECT_THAT(names(), UnorderedElementsAre("m", "a", "d", "d/b"));
  for (const char* name : {"m", "a", "d/b"}) EXPECT_EQ(get(name), "newer");
}

TEST_F(OutputSetTest, WhatAppearsMeanwhileIsNotReplaced) {
  for (const char* name : {"m", "a", "d/b"}) {
    EXPECT_THAT(
        error_of([&] { write("new", Overwrite::kRefuse, [&] { put(name, "another's"); }); }),
        HasSubstr("exists already"));
    EXPECT_EQ(get(name), "another's");
    fs::remove(folder() / name);
    for (const std::string& left : names()) EXPECT_EQ(left, "d");
  }
}

TEST_F(OutputSetTest, AFailureLeavesTheOldFiles) {
  write("old", Overwrite::kRefuse);
  // Another process, which knows no locks, puts something where the last file belongs: a folder, so
  // that the old one is put aside and cannot be brought back over it either.
  fs::path aside;
  const std::string message = error_of([&] {
    OutputSet outputs(folder() / "m", Overwrite::kReplace, Sync::kToDisk);
    outputs.main().write(as_bytes("new"));
    outputs.add("a").write(as_bytes("new"));
    fs::remove(folder() / "a");
    fs::create_directory(folder() / "a");
    fs::create_directory(folder() / ".a.qcompress-old");
    put(".a.qcompress-old/x", "in the way");
    outputs.commit();
  });
  EXPECT_THAT(message, HasSubstr("cannot replace"));
  EXPECT_EQ(get("m"), "old");
  EXPECT_TRUE(fs::is_directory(folder() / "a"));
}

TEST_F(OutputSetTest, NoFileHasTheNameOfAnOldOne) {
  write("new", Overwrite::kRefuse);
  for (const char* name : {".m.qcompress-old", "d/.b.qcompress-old", ".elsewhere.qcompress-old"}) {
    EXPECT_THAT(error_of([&] {
                  OutputSet outputs(folder() / "m", Overwrite::kReplace, Sync::kToDisk);
                  outputs.add(name);
                }),
                HasSubstr("qcompress-old"));
  }
  EXPECT_THAT(names(), UnorderedElementsAre("m", "a", "d", "d/b"));
}

TEST_F(OutputSetTest, FoldersMadeForNothingAreRemoved) {
  EXPECT_NE(error_of([&] { write("new", Overwrite::kRefuse, [&] { put("m", "other"); }); }), "");
  EXPECT_THAT(names(), UnorderedElementsAre("m"));
}

TEST_F(OutputSetTest, AKilledProcessIsTidiedUpAfter) {
  const auto killed_halfway = [&] {
    for (const std::string& name : names()) fs::remove_all(folder() / name);
    put(".m.qcompress-old", "old");
    put(".a.qcompress-old", "old");
    put("a", "half");
    put("d/b", "old");  // not reached
  };
  killed_halfway();
  EXPECT_THAT(error_of([&] { write("new", Overwrite::kRefuse); }), HasSubstr("a exists"));
  EXPECT_EQ(get(".m.qcompress-old"), "old");

  // A new attempt that fails gives back the old files, not the half.
  EXPECT_NE(error_of([&] {
              write("new", Overwrite::kReplace, [&] {
                fs::remove(folder() / "d/b");
                fs::create_directories(folder() / "d/b");
                put("d/.b.qcompress-old/x", "in the way");
              });
            }),
            "");
  EXPECT_EQ(get("m"), "old");
  EXPECT_EQ(get("a"), "old");

  killed_halfway();
  write("new", Overwrite::kReplace);
  EXPECT_THAT(names(), UnorderedElementsAre("m", "a", "d", "d/b"));
  for (const char* name : {"m", "a", "d/b"}) EXPECT_EQ(get(name), "new");
}

TEST_F(OutputSetTest, AFileThatIsKeptMustStayTheSame) {
  put("a", "same");
  const auto keep = [&](const std::function<void()>& change) {
    OutputSet outputs(folder() / "m", Overwrite::kReplace, Sync::kLater);
    outputs.main().write(as_bytes("new"));
    outputs.keep("a", MappedFile(folder() / "a").state());
    change();
    outputs.commit();
  };
  keep([] {});
  EXPECT_THAT(error_of([&] { keep([&] { put("a", "longer than before"); }); }),
              HasSubstr("changed meanwhile"));
}

TEST_F(OutputSetTest, MayBeMoreFilesThanDescriptors) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 128;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  {
    OutputSet outputs(folder() / "m", Overwrite::kRefuse, Sync::kLater);
    std::vector<ByteSink*> sinks = {&outputs.main()};
    for (int i = 0; i < 300; ++i) sinks.push_back(&outputs.add(std::to_string(i)));
    for (ByteSink* sink : sinks) sink->write(as_bytes("some"));
    outputs.commit();
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(names().size(), 301U);
  EXPECT_EQ(get("299"), "some");
}

TEST_F(OutputSetTest, LinksInThePathOfAFileAreRefused) {
  const harness::TempDir elsewhere;
  fs::create_directory_symlink(elsewhere.path(), folder() / "d");
  EXPECT_THAT(error_of([&] { write("new", Overwrite::kReplace); }), HasSubstr("is a link"));
  EXPECT_TRUE(fs::is_empty(elsewhere.path()));
  fs::remove(folder() / "d");
  fs::create_directory(folder() / "d");
  std::ofstream(elsewhere.path() / "file") << "another's";
  fs::create_symlink(elsewhere.path() / "file", folder() / "d/b");
  EXPECT_THAT(error_of([&] { write("new", Overwrite::kReplace); }), HasSubstr("is a link"));
  EXPECT_EQ(harness::read_file(elsewhere.path() / "file"), "another's");
}

TEST_F(OutputSetTest, ALinkToTheMainFileStays) {
  put("real/file", "old");
  fs::create_symlink("real/file", folder() / "m");
  write("new", Overwrite::kReplace);
  EXPECT_TRUE(fs::is_symlink(folder() / "m"));
  EXPECT_EQ(get("real/file"), "new");
  fs::remove(folder() / "real/file");
  EXPECT_THAT(error_of([&] { AtomicFile(folder() / "m", Overwrite::kReplace); }),
              HasSubstr("leads nowhere"));
}

TEST_F(OutputSetTest, PermissionsStay) {
  write("old", Overwrite::kRefuse);
  for (const char* name : {"m", "a"}) {
    fs::permissions(folder() / name, fs::perms::owner_read | fs::perms::owner_write);
  }
  write("new", Overwrite::kReplace);
  for (const char* name : {"m", "a"}) {
    EXPECT_EQ(fs::status(folder() / name).permissions(),
              fs::perms::owner_read | fs::perms::owner_write);
  }
}

TEST_F(OutputSetTest, WhatIsNoFileIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo((folder() / "m").c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { AtomicFile(folder() / "m", Overwrite::kReplace); }),
              HasSubstr("no regular file"));
  EXPECT_THAT(error_of([&] { AtomicFile("/dev/null", Overwrite::kReplace); }),
              HasSubstr("no regular file"));
  EXPECT_THAT(error_of([&] { AtomicFile(folder() / std::string(300, 'n'), Overwrite::kReplace); }),
              HasSubstr("too long"));
  const std::string long_name(250, 'n');
  AtomicFile file(folder() / long_name, Overwrite::kRefuse);
  file.commit();
  EXPECT_TRUE(fs::exists(folder() / long_name));
}

TEST(MappedFile, ThatIsCutShortEndsTheProgramWithAWord) {
  const harness::TempDir folder;
  const fs::path path = folder.path() / "input";
  std::ofstream(path) << std::string(100'000, 'x');
  const MappedFile file(path);
  EXPECT_EXIT(
      {
        report_lost_mappings();
        fs::resize_file(path, 10);
        std::uint8_t sum = 0;
        for (const std::uint8_t byte : file.bytes()) sum ^= byte;
        ::_exit(sum);
      },
      testing::ExitedWithCode(3), "input: cannot be read to the end");
}

TEST(MappedFile, TellsWhetherItWasWrittenTo) {
  const harness::TempDir folder;
  const fs::path path = folder.path() / "input";
  std::ofstream(path) << "some bytes";
  const MappedFile file(path);
  file.require_unchanged();
  std::ofstream(folder.path() / "other") << "other bytes";
  fs::rename(folder.path() / "other", path);
  file.require_unchanged();  // a file of its own
  const MappedFile again(path);
  std::ofstream(path) << "more bytes than before";
  EXPECT_THROW(again.require_unchanged(), Error);
}

}  // namespace
}  // namespace qc
