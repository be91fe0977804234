// Scores: what a metric's name tells, and how much is lost.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "pipeline/score.h"

namespace qc {
namespace {

Score recognised(const std::string& metric, double value) {
  return make_score(metric, value, std::nullopt, std::nullopt);
}

TEST(Scores, NamesTellWhichWayIsBetter) {
  for (const char* name : {"top1", "val_accuracy", "Top-5", "mIoU", "psnr", "f1", "neg_loss",
                           "neg_mean_squared_error", "anything"}) {
    EXPECT_TRUE(recognised(name, 0.5).higher_is_better) << name;
  }
  for (const char* name : {"loss", "valLoss", "cross-entropy loss", "top1_error", "WER", "rmse",
                           "neg_log_likelihood", "perplexity"}) {
    EXPECT_FALSE(recognised(name, 0.5).higher_is_better) << name;
  }
}

TEST(Scores, NamesAndValuesTellTheUnit) {
  EXPECT_EQ(recognised("accuracy", 0.97).unit, Unit::kFraction);
  EXPECT_EQ(recognised("accuracy", 97).unit, Unit::kPercent);
  EXPECT_EQ(recognised("top1 error", 0.03).unit, Unit::kFraction);
  EXPECT_EQ(recognised("error", 3).unit, Unit::kPercent);
  EXPECT_EQ(recognised("accuracy", 970).unit, Unit::kOwn);
  for (const char* name : {"loss", "mean_squared_error", "psnr", "dice_loss"}) {
    EXPECT_EQ(recognised(name, 0.7).unit, Unit::kOwn) << name;
    EXPECT_EQ(recognised(name, 0.7).basis, Basis::kRecognised) << name;
  }
  EXPECT_EQ(recognised("goodness", 0.7).unit, Unit::kFraction);
  EXPECT_EQ(recognised("goodness", 7).unit, Unit::kOwn);
  EXPECT_EQ(recognised("goodness", 7).basis, Basis::kAssumed);
}

TEST(Scores, DeclarationsWin) {
  const Score score = make_score("loss", 0.7, true, "percent");
  EXPECT_TRUE(score.higher_is_better);
  EXPECT_EQ(score.unit, Unit::kPercent);
  EXPECT_EQ(score.basis, Basis::kDeclared);
  EXPECT_EQ(make_score("loss", 0.7, std::nullopt, "%").unit, Unit::kPercent);
  EXPECT_EQ(make_score("acc", 40, std::nullopt, "fraction").unit, Unit::kFraction);
  EXPECT_EQ(make_score("acc", 40, std::nullopt, "dB").unit_name, "dB");
}

TEST(Scores, LossesAreInPointsOrTheMetricsOwnUnit) {
  EXPECT_NEAR(lost(recognised("accuracy", 0.975), 0.973), 0.2, 1e-9);
  EXPECT_NEAR(lost(recognised("accuracy", 97.5), 97.3), 0.2, 1e-9);
  EXPECT_NEAR(lost(recognised("loss", 0.5), 0.7), 0.2, 1e-9);
  EXPECT_NEAR(lost(recognised("loss", 0.7), 0.5), -0.2, 1e-9);
  EXPECT_NEAR(lost(recognised("top1 error", 0.02), 0.03), 1, 1e-9);
}

TEST(Scores, AreToldInTheirUnit) {
  EXPECT_EQ(score_text(recognised("accuracy", 0.975)), "97.50 %");
  EXPECT_EQ(score_text(recognised("accuracy", 97.5)), "97.50 %");
  EXPECT_EQ(score_text(recognised("loss", 0.7)), "0.7");
  EXPECT_EQ(score_text(make_score("snr", 31.25, true, "dB")), "31.25 dB");
  EXPECT_EQ(loss_text(recognised("accuracy", 97.5), recognised("accuracy", 97.3)),
            "0.20 points of accuracy (97.50 % -> 97.30 %)");
  EXPECT_EQ(loss_text(recognised("loss", 0.5), recognised("loss", 0.75)),
            "0.25 of loss (0.5 -> 0.75)");
  EXPECT_EQ(meaning_text(recognised("loss", 0.7)),
            "loss: lower is better, in its own unit (by its name)");
  EXPECT_EQ(meaning_text(make_score("snr", 31.25, true, "dB")),
            "snr: higher is better, in dB (as declared)");
  EXPECT_EQ(meaning_text(recognised("goodness", 0.7)),
            "goodness: higher is better, a fraction of 1 (assumed)");
}

}  // namespace
}  // namespace qc
