// What the kinds of pruning share of their parameters.
#pragma once

#include <limits>
#include <string_view>

#include "core/choices.h"
#include "passes/params.h"

namespace qc {

/// Which weights go.
enum class PruneMethod {
  kMagnitude,  ///< the smallest
  kObs,        ///< by samples, and the others make up for them
};
inline constexpr auto kPruneMethods =
    make_choices<PruneMethod>({{"magnitude", PruneMethod::kMagnitude}, {"obs", PruneMethod::kObs}});

/// What a rate counts over.
enum class PruneScope { kLayer, kGlobal };
inline constexpr auto kPruneScopes =
    make_choices<PruneScope>({{"layer", PruneScope::kLayer}, {"global", PruneScope::kGlobal}});

/// What goes together.
enum class PruneStructure {
  kNone,      ///< single weights
  kChannels,  ///< output channels, which are taken out of the graph
  kTwoOfFour,
  kFourByOne,
};
inline constexpr auto kPruneStructures =
    make_choices<PruneStructure>({{"none", PruneStructure::kNone},
                                  {"channels", PruneStructure::kChannels},
                                  {"2:4", PruneStructure::kTwoOfFour},
                                  {"4x1", PruneStructure::kFourByOne}});

inline constexpr ParamSpec kPruneRateParam{
    .name = "rate",
    .kind = ParamKind::kNumber,
    .placeholder = "RATE",
    .help =
        "fraction of the weights to be zero, 0.9 for 90%; those that are "
        "zero already count. With --structured channels: of the channels to be taken out",
    .max = 1,
    .max_exclusive = true};

inline constexpr ParamSpec kChannelCountParam{
    .name = "channels",
    .kind = ParamKind::kList,
    .placeholder = "NAME=COUNT",
    .help =
        "with --structured channels: leave so many output channels of the weights that match a "
        "name or glob; may be repeated, wins over --rate and --layer"};

/// What COUNT may be.
inline constexpr ParamSpec kChannelCountRange{.name = "channels",
                                              .kind = ParamKind::kInteger,
                                              .placeholder = "COUNT",
                                              .help = {},
                                              .min = 1,
                                              .max = 1 << 20};

inline constexpr ParamSpec kRoundToParam{
    .name = "round-to",
    .kind = ParamKind::kInteger,
    .placeholder = "N",
    .help = "with --structured channels: leave a multiple of N channels, as vectors like them",
    .min = 1,
    .max = 1024,
    .default_text = "1"};

}  // namespace qc
