// prune --structured channels: whole output channels go, with all that depends on them.
#pragma once

#include "formats/onnx/onnx_model.h"
#include "passes/params.h"
#include "passes/pass.h"

namespace qc {

/// Throws Error(kUsage) for parameters that do not go together.
void check_channel_params(const Params& params);

/// True where channels are chosen, or the layers behind them fitted anew, by samples.
bool channels_need_samples(const Params& params);

/// The model with fewer channels, and a row for each group of them in the report. With --method obs
/// the layers that read them make up for those that go: their weights are fitted anew in the least
/// squares (He et al., arXiv 1707.06168, equation 5 without the mask). Throws Error: kUsage for
/// patterns that match nothing and where samples are missing, kUnsupported where no channel can go.
OnnxModel prune_channels(const OnnxModel& model, const Params& params, const PassContext& context,
                         PassReport& report);

/// The report on a removal as one on it and an earlier one together.
ChannelsReport since(const ChannelsReport& earlier, ChannelsReport later);

/// See Growth::part_way: --channels for every group.
Params channels_part_way(const OnnxModel& start, const Params& params, double fraction);

}  // namespace qc
