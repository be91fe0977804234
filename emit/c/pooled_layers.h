// Pools that layers do at once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace qc::c {

class NodePlan;
class Planner;

/// Puts pools for the largest value before functions that keep the order of numbers, where nothing
/// else reads what is between: the outputs are the same, fewer values go through the function, and
/// the layer before may pool its outputs itself. `uses`: how often a value is read.
///   Conv -> Relu -> MaxPool   =>   Conv -> MaxPool -> Relu
void move_pools_forward(std::vector<Node>& nodes,
                        const std::function<std::size_t(const std::string& value)>& uses);

/// Has the convolution that makes the input of a pool do it, where the windows neither overlap nor
/// pad, and nothing else reads the input. Gives whether it does.
bool pool_in_layer(Planner& planner, NodePlan& node);

}  // namespace qc::c
