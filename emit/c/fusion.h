// What follows a layer and can be done by its weights.
#pragma once

namespace qc::c {

class NodePlan;
class Planner;

/// Takes a batch normalisation, or a product with or sum of a constant per channel, into the
/// weights and bias of the layer before it, where nothing else reads that. Where scaled weights
/// would cost more than scaling the outputs, which is so where few values occur in them, it does
/// not. Gives whether it did.
bool fuse_into_layer(Planner& planner, NodePlan& node);

}  // namespace qc::c
