// Channels that can be removed from a network, with all that depends on them: dependency groups as
// in DepGraph (Fang et al., arXiv 2301.12900), found place by place, so that channels which are
// joined, cut apart, shuffled or flattened are followed one by one.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "graph/channels/coupling.h"
#include "graph/channels/known_constants.h"
#include "graph/edited_graph.h"
#include "graph/graph.h"

namespace qc {

/// What of a constant belongs to a channel.
struct ChannelSlice {
  std::string constant;  ///< name of its value
  std::size_t axis = 0;
  std::vector<std::size_t> places;  ///< along the axis, ascending

  bool operator==(const ChannelSlice&) const = default;
};

/// Places that are removed together: a filter, its bias, what normalises it, and what the layers
/// behind multiply it with.
struct Channel {
  std::size_t set = 0;  ///< of ChannelGroups::coupling
  std::vector<ChannelSlice> slices;
};

/// Channels of the same axes, any of which may be removed as long as one stays.
struct ChannelGroup {
  std::vector<Channel> channels;
};

/// All channels of the main graph of a model.
struct ChannelGroups {
  std::shared_ptr<const Coupling> coupling;
  std::vector<ChannelGroup> groups;  ///< in the order of the nodes that make them
};

/// What stays as it is, whatever the graph says.
struct FixedParts {
  using Reasons = std::map<std::string, std::string, std::less<>>;
  Reasons values;   ///< by name
  Reasons outputs;  ///< of layers, by the names of their weights: none of them goes
  Reasons nodes;    ///< by the name of the first output: not seen through
};

/// Finds them. `shapes`: sizes of the values between the nodes, for one input, and of all
/// constants. Removing a channel gives the outputs that setting all its slices to zero does.
ChannelGroups find_channel_groups(const ModelGraph& model, const DimsByValue& shapes,
                                  const ReadIntegers& read, const FixedParts& fixed);

/// The part of a constant that is left: of each axis the places that stay.
using CutConstant = std::function<HostTensor(const GraphTensor& tensor,
                                             const std::vector<std::vector<bool>>& stays)>;

/// Takes channels out of a copy of the graph that they were found in: `removed` are their sets.
/// Changes constants, attributes, what nodes are told of sizes, and stated shapes.
void remove_channels(const ChannelGroups& groups, const std::set<std::size_t>& removed,
                     const ReadIntegers& read, const CutConstant& cut, EditedGraph& edited);

}  // namespace qc
