// How operators couple the channels of what they read and make, and what of a node has to change
// when some are removed. An operator is a row of a table; nodes without one keep all channels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/channels/coupling.h"
#include "graph/graph.h"

namespace qc {

using Integers = std::vector<std::int64_t>;

/// What is known of values before the network runs.
class KnownValues {
 public:
  KnownValues() = default;
  virtual ~KnownValues() = default;
  KnownValues(const KnownValues&) = delete;
  KnownValues& operator=(const KnownValues&) = delete;

  /// True for what depends on constants alone.
  virtual bool is_constant(const std::string& value) const = 0;
  /// The integers of a constant, also behind nodes that only reshape or cast it; nothing for other
  /// values.
  virtual std::optional<Integers> integers(const std::string& value) const = 0;
};

/// An axis of an input or output of a node.
struct NodeAxis {
  bool is_output = false;
  std::size_t index = 0;
  std::size_t axis = 0;
};

constexpr NodeAxis in(std::size_t index, std::size_t axis) { return {false, index, axis}; }
constexpr NodeAxis out(std::size_t index, std::size_t axis) { return {true, index, axis}; }

/// Thrown by those below where a node has not what its operator needs.
struct SizesDisagree {};

/// What an operator's row sees of a node: everything that it reads and makes has known sizes.
class NodeShapes {
 public:
  NodeShapes(const Node& node, const Coupling& coupling, const KnownValues& known,
             std::int64_t opset)
      : node_(node), coupling_(coupling), known_(known), opset_(opset) {}

  const Node& node() const { return node_; }
  std::int64_t opset() const { return opset_; }
  std::size_t inputs() const { return node_.inputs.size(); }
  std::size_t outputs() const { return node_.outputs.size(); }
  /// Null for an input or output that is left out.
  const Dims* input(std::size_t index) const;
  const Dims* output(std::size_t index) const;
  bool has_input(std::size_t index) const { return input(index) != nullptr; }
  /// Those of the input or output that an axis is of, which must be there.
  const Dims& dims(const NodeAxis& of) const;
  std::size_t rank(const NodeAxis& of) const { return dims(of).size(); }
  std::size_t size(const NodeAxis& axis) const;
  /// The number of a place along an axis.
  std::size_t number(const NodeAxis& axis, std::size_t place) const;
  bool is_constant(std::size_t input) const { return known_.is_constant(node_.inputs[input]); }
  /// The integers of a constant input; nothing for another, or one that is left out.
  std::optional<Integers> integers(std::size_t input) const;
  /// The integers of an attribute or, where the node has none, of an input.
  std::optional<Integers> integers(std::string_view attribute, std::size_t input) const;
  std::int64_t integer(std::string_view attribute, std::int64_t otherwise) const;
  /// `axis` of a tensor of `rank`, counted from its end where negative.
  static std::size_t axis_of(std::int64_t axis, std::size_t rank) {
    return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis);
  }

 protected:
  const Coupling& coupling() const { return coupling_; }
  const KnownValues& known() const { return known_; }
  const std::string& name(const NodeAxis& of) const;

 private:
  const Node& node_;
  const Coupling& coupling_;
  const KnownValues& known_;
  std::int64_t opset_;
};

/// A node whose operator says what is coupled.
class NodeCoupler : public NodeShapes {
 public:
  NodeCoupler(const Node& node, Coupling& coupling, const KnownValues& known, std::int64_t opset)
      : NodeShapes(node, coupling, known, opset), target_(coupling) {}

  void tie(const NodeAxis& a, std::size_t place_a, const NodeAxis& b, std::size_t place_b);
  /// Place by place; both axes have the same size.
  void tie(const NodeAxis& a, const NodeAxis& b);
  void lock(const NodeAxis& axis, std::string_view why);
  /// All axes of an input or output from one on; nothing where it is left out.
  void lock_from(const NodeAxis& axis, std::string_view why);
  /// Everything that the node reads and makes.
  void lock_all(std::string_view why);
  /// The axis has the output channels of a layer's weights.
  void mark_produced(const NodeAxis& axis);
  bool is_locked(const NodeAxis& axis) const;

 private:
  std::string reason(std::string_view why) const;

  Coupling& target_;
};

/// A node whose operator says what has to change.
class NodeCutter : public NodeShapes {
 public:
  /// Tells of a place, by its number, whether it stays.
  using Stays = std::function<bool(std::size_t place)>;
  /// Gives an input of a node integers of its own.
  using SetInput = std::function<void(Node& node, std::size_t input, const Integers& values)>;
  /// The node that makes a value; null where there is none.
  using Producer = std::function<Node*(const std::string& value)>;

  struct Tools {
    Stays stays;
    SetInput set_input;
    Producer producer;
  };

  NodeCutter(Node& node, const Coupling& coupling, const KnownValues& known, std::int64_t opset,
             const Tools& tools)
      : NodeShapes(node, coupling, known, opset), target_(node), tools_(tools) {}

  bool stays(const NodeAxis& axis, std::size_t place) const {
    return tools_.stays(number(axis, place));
  }
  /// How many of the places [begin, end) of an axis stay.
  std::int64_t count(const NodeAxis& axis, std::size_t begin, std::size_t end) const;
  std::int64_t count(const NodeAxis& axis) const { return count(axis, 0, size(axis)); }
  bool is_cut(const NodeAxis& axis) const {
    return count(axis) != static_cast<std::int64_t>(size(axis));
  }
  void set_attribute(std::string_view name, AttributeValue value);
  void remove_attribute(std::string_view name);
  /// Gives an input integers of its own; the one behind the last is added.
  void set_input(std::size_t input, const Integers& values) {
    tools_.set_input(target_, input, values);
  }
  /// The attribute where the node has it, else the input.
  void set_integers(std::string_view attribute, std::size_t input, const Integers& values);
  Node* producer(const std::string& value) const { return tools_.producer(value); }
  void set_input_of(Node& node, std::size_t input, const Integers& values) const {
    tools_.set_input(node, input, values);
  }
  std::optional<Integers> integers_of(const std::string& value) const {
    return known().integers(value);
  }
  const Dims* dims_of(const std::string& value) const { return coupling().dims(value); }

 private:
  Node& target_;
  const Tools& tools_;
};

/// An operator of ONNX's own.
struct OperatorChannels {
  std::string_view op;
  void (*couple)(NodeCoupler& node);
  /// Changes attributes and inputs; null where nothing depends on the number of channels.
  void (*cut)(NodeCutter& node) = nullptr;
  /// Coupled after all others: what it does depends on which axes may be cut.
  bool late = false;
};

/// The row of an operator; null where there is none.
const OperatorChannels* find_operator_channels(const Node& node);

/// The rows of each family, in the file of its name.
std::span<const OperatorChannels> layer_channels();        // layer_channels.cpp
std::span<const OperatorChannels> elementwise_channels();  // elementwise_channels.cpp
std::span<const OperatorChannels> shape_channels();        // shape_channels.cpp
std::span<const OperatorChannels> window_channels();       // window_channels.cpp

}  // namespace qc
