#include "emit/c/writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/error.h"
#include "emit/c/identifiers.h"
#include "emit/c/kernels.h"

namespace qc::c {
namespace {

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

class Writer {
 public:
  Writer(const Plan& plan, const ProgramNames& names) : plan_(plan), names_(names) {
    for (const ConstantArray& array : plan.arrays) {
      taken_.insert(fmt::format("{}_{}", names.name, array.name));
    }
    for (const Product& product : plan.products) {
      taken_.insert(fmt::format("{}_{}", names.name, product.name));
    }
    for (const char* name : {"memory", "arena", "int8_t", "uint8_t", "int16_t", "uint16_t",
                             "int32_t", "uint32_t", "int64_t", "uint64_t", "size_t", "errno"}) {
      taken_.insert(name);
    }
    taken_.insert(names.name);
    taken_.insert(names.name + "_run");
    for (const ValueId input : plan.inputs) parameter(input);
    for (const ValueId output : plan.outputs) parameter(output);
  }

  std::string header() const;
  std::string source();
  std::string main_file() const;
  std::string build_file() const;
  std::string sketch() const;
  std::string library_properties() const;
  std::string library_json() const;

 private:
  void parameter(ValueId value) {
    const std::string name = unique_identifier(plan_.values[value].name, taken_);
    parameters_.emplace_back(value, name);
    local_[storage_of(plan_, value)] = name;
  }

  bool is_output(std::size_t i) const { return i >= plan_.inputs.size(); }
  /// Memory for a run with value_0, value_1, ..., and the call.
  std::string example_memory() const;
  std::string example_call() const;
  std::string size_macro(std::size_t i) const {
    return fmt::format("{}_{}_SIZE", upper(names_.name), upper(parameters_[i].second));
  }
  std::string signature() const;
  std::string product_text(const Product& product) const;
  std::string step_text(const Step& step);
  std::string declaration(ValueId value);
  std::string name_of(ValueId value) const;
  std::string argument(const Argument& of) const;
  std::string array_name(std::size_t index) const {
    return fmt::format("{}_{}", names_.name, plan_.arrays[index].name);
  }

  const Plan& plan_;
  const ProgramNames& names_;
  std::set<std::string> taken_;
  std::vector<std::pair<ValueId, std::string>> parameters_;
  std::map<ValueId, std::string> local_;
};

std::string Writer::signature() const {
  std::string text = fmt::format("int {}_run(struct {} *memory", names_.name, names_.name);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    text += fmt::format(", {}{} *{}", is_output(i) ? "" : "const ",
                        type_in_c(plan_.values[parameters_[i].first].type), parameters_[i].second);
  }
  return text + ")";
}

std::string Writer::header() const {
  const std::string guard = upper(names_.name) + "_H";
  std::string text = fmt::format("/* {}, written by qcompress {} from {}. */\n", names_.name,
                                 comment_text(names_.version), comment_text(names_.source));
  text += fmt::format("#ifndef {}\n#define {}\n\n#include <stdint.h>\n\n", guard, guard);
  text += "#ifdef __cplusplus\nextern \"C\" {\n#endif\n";
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Value& value = plan_.values[parameters_[i].first];
    text += fmt::format("\n/* {} \"{}\": {}. */\n#define {} {}\n",
                        is_output(i) ? "Output" : "Input", comment_text(value.name),
                        shape_text(value.shape), size_macro(i), count_of(value.shape));
  }
  text += fmt::format(
      "\n/* Memory for one run at a time. Nothing is kept in it between runs. */\n"
      "#define {}_ARENA_BYTES {}\n\nstruct {} {{\n  union {{\n"
      "    int64_t alignment;\n    unsigned char bytes[{}_ARENA_BYTES];\n"
      "  }} arena;\n}};\n\n",
      upper(names_.name), std::max<std::uint64_t>(plan_.arena_bytes, 8), names_.name,
      upper(names_.name));
  text +=
      "/* Runs the network. Inputs and outputs have the sizes above, in elements, and may not\n"
      "   overlap. Gives 0, or 1 where a pointer is NULL. */\n";
  text += signature() + ";\n\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
  return text;
}

std::string Writer::name_of(ValueId value) const {
  while (!local_.contains(value)) {
    const ValueId storage = plan_.values[value].storage;
    if (storage == value) throw Error(ErrorCode::kInternal, "a value is read before it is written");
    value = storage;
  }
  return local_.at(value);
}

// Why a value needs no declaration: it is an output's memory, or was declared.
std::string Writer::declaration(ValueId value) {
  if (local_.contains(value)) return {};
  const ValueId root = storage_of(plan_, value);
  if (plan_.values[root].is_output) {
    local_[value] = local_.at(root);
    return {};
  }
  const Value& written = plan_.values[value];
  const std::string name = unique_identifier(written.name, taken_);
  local_[value] = name;
  const std::string_view type = type_in_c(written.type);
  return fmt::format("  {} *const {} = ({} *)(void *)(arena + {});\n", type, name, type,
                     plan_.values[root].offset.value());
}

std::string Writer::argument(const Argument& of) const {
  if (const auto* read = std::get_if<Argument::Read>(&of.what)) return name_of(read->value);
  if (const auto* written = std::get_if<Argument::Written>(&of.what)) {
    return name_of(written->value);
  }
  if (const auto* array = std::get_if<Argument::Array>(&of.what)) return array_name(array->index);
  if (const auto* scratch = std::get_if<Argument::Scratch>(&of.what)) {
    return fmt::format("(float *)(void *)(arena + {})", scratch->offset);
  }
  if (const auto* function = std::get_if<Argument::Function>(&of.what)) {
    return fmt::format("{}_{}", names_.name, plan_.products[function->product].name);
  }
  return std::get<Argument::Literal>(of.what).text;
}

// Text in lines of at most 100 columns, split after commas.
std::string wrapped(const std::string& text, std::size_t indent) {
  constexpr std::size_t kWidth = 100;
  std::string lines;
  std::size_t begin = 0;
  std::size_t width = 0;
  while (begin < text.size()) {
    std::size_t end = text.find(", ", begin);
    end = end == std::string::npos ? text.size() : end + 2;
    const std::size_t size = end - begin;
    if (width + size > kWidth && width > indent) {
      while (lines.ends_with(' ')) lines.pop_back();
      lines += '\n';
      lines.append(indent, ' ');
      width = indent;
    }
    lines += text.substr(begin, size);
    width += size;
    begin = end;
  }
  return lines;
}

std::string Writer::product_text(const Product& product) const {
  const bool by_tiles = product.tile_input.has_value();
  const char* parameters =
      by_tiles ? "const float *x, const struct qk_tile *tile, float *y, size_t stride"
               : "const float *x, size_t pixels, float *y, size_t stride, void *scratch";
  std::string text = wrapped(fmt::format("static void {}_{}(size_t group, {}) {{\n", names_.name,
                                         product.name, parameters),
                             4);
  const auto call = [&](std::size_t indent, const Product::Call& of) {
    std::vector<std::string> arguments;
    for (const Argument& each : of.arguments) arguments.push_back(argument(each));
    for (const char* last : {"x", by_tiles ? "tile" : "pixels", "y", "stride"}) {
      arguments.emplace_back(last);
    }
    if (of.takes_scratch) arguments.emplace_back("scratch");
    return fmt::format("{:{}}{}({});\n", "", indent, of.kernel, fmt::join(arguments, ", "));
  };
  if (!by_tiles && std::ranges::none_of(product.calls, &Product::Call::takes_scratch)) {
    text += "  (void)scratch;\n";
  }
  if (product.calls.size() == 1) {
    text += "  (void)group;\n" + wrapped(call(2, product.calls[0]), 6) + "}\n";
    return text;
  }
  text += "  switch (group) {\n";
  for (std::size_t i = 0; i < product.calls.size(); ++i) {
    const bool is_last = i + 1 == product.calls.size();
    text += is_last ? "    default:\n" : fmt::format("    case {}:\n", i);
    text += wrapped(call(6, product.calls[i]), 10) + "      break;\n";
  }
  return text + "  }\n}\n";
}

std::string Writer::step_text(const Step& step) {
  std::string text;
  std::vector<std::string> arguments;
  std::string shapes;
  std::string form;
  for (const Argument& each : step.arguments) {
    if (const auto* read = std::get_if<Argument::Read>(&each.what)) {
      if (!shapes.empty()) shapes += ", ";
      shapes += shape_text(plan_.values[read->value].shape);
    }
    if (const auto* function = std::get_if<Argument::Function>(&each.what)) {
      const Product& product = plan_.products[function->product];
      form = fmt::format("; weights {}x{}{}, {}", product.rows, product.columns,
                         product.groups > 1 ? fmt::format(" in {} groups", product.groups) : "",
                         product.form);
    }
  }
  std::string results;
  std::string declarations;
  for (const Argument& each : step.arguments) {
    if (const auto* written = std::get_if<Argument::Written>(&each.what)) {
      if (!results.empty()) results += ", ";
      results += shape_text(plan_.values[written->value].shape);
      declarations += declaration(written->value);
    }
  }
  text += fmt::format("\n  /* {} \"{}\": {} -> {}{}. */\n", comment_text(step.op),
                      comment_text(step.layer), shapes, results, form);
  text += declarations;
  for (const Argument& each : step.arguments) arguments.push_back(argument(each));
  return text + wrapped(fmt::format("  {}({});\n", step.kernel, fmt::join(arguments, ", ")), 6);
}

std::string Writer::source() {
  std::string body;
  for (const Step& step : plan_.steps) body += step_text(step);
  std::set<std::string> used;
  std::set<std::size_t> products;
  for (const Step& step : plan_.steps) {
    used.insert(step.kernel);
    for (const Argument& each : step.arguments) {
      const auto* function = std::get_if<Argument::Function>(&each.what);
      if (function != nullptr) products.insert(function->product);
      const auto* literal = std::get_if<Argument::Literal>(&each.what);
      if (literal != nullptr && literal->text.starts_with("qk_")) used.insert(literal->text);
    }
  }
  std::string functions;
  for (const std::size_t index : products) {
    for (const Product::Call& call : plan_.products[index].calls) used.insert(call.kernel);
    functions += fmt::format("\n{}", product_text(plan_.products[index]));
  }
  std::string text = fmt::format(
      "/* {}: the kernels that it needs, and the calls of them. */\n#include \"{}.h\"\n\n"
      "#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n\n",
      names_.name, names_.name);
  text += array_declarations(plan_, names_.name);
  for (const Kernel* kernel : kernels_for(used)) text += fmt::format("\n{}", kernel->text);
  text += functions;
  text += wrapped(fmt::format("\n{} {{\n", signature()), 4);
  if (body.find("(arena + ") != std::string::npos) {
    text += "  unsigned char *arena;\n";
  }
  std::string checks = "memory == NULL";
  for (const auto& [value, name] : parameters_) checks += fmt::format(" || {} == NULL", name);
  text += fmt::format("  if ({}) return 1;\n", checks);
  if (body.find("(arena + ") != std::string::npos) text += "  arena = memory->arena.bytes;\n";
  return text + body + "  return 0;\n}\n";
}

std::string Writer::example_memory() const {
  std::string text = fmt::format("static struct {} network_memory;\n", names_.name);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    text += fmt::format("static {} value_{}[{}];\n",
                        type_in_c(plan_.values[parameters_[i].first].type), i, size_macro(i));
  }
  return text;
}

std::string Writer::example_call() const {
  std::string call = fmt::format("{}_run(&network_memory", names_.name);
  for (std::size_t i = 0; i < parameters_.size(); ++i) call += fmt::format(", value_{}", i);
  return call + ")";
}

std::string Writer::main_file() const {
  const std::string& name = names_.name;
  std::string text = fmt::format(
      "/* Runs {} on raw values from a file, or from standard input, and prints its outputs, one\n"
      "   value a line. Inputs follow each other as in the call below. */\n"
      "#include <stdint.h>\n#include <stdio.h>\n\n#include \"{}.h\"\n\n",
      name, name);
  text += example_memory();
  text +=
      "\nint main(int argc, char **argv) {\n"
      "  FILE *file = argc > 1 ? fopen(argv[1], \"rb\") : stdin;\n  size_t i;\n"
      "  if (file == NULL) {\n    fprintf(stderr, \"%s cannot be read\\n\", argv[1]);\n"
      "    return 1;\n  }\n";
  for (std::size_t i = 0; i < plan_.inputs.size(); ++i) {
    text += fmt::format(
        "  if (fread(value_{}, sizeof value_{}[0], {}, file) != {}) {{\n"
        "    fprintf(stderr, \"the input is too short\\n\");\n    return 1;\n  }}\n",
        i, i, size_macro(i), size_macro(i));
  }
  text += "  if (file != stdin) fclose(file);\n";
  text += wrapped(fmt::format("  if ({} != 0) return 1;\n", example_call()), 6);
  for (std::size_t i = plan_.inputs.size(); i < parameters_.size(); ++i) {
    const DataType type = plan_.values[parameters_[i].first].type;
    const char* format = type == DataType::kFloat ? "%.9g" : "%lld";
    const char* cast = type == DataType::kFloat ? "(double)" : "(long long)";
    text += fmt::format("  for (i = 0; i < {}; ++i) printf(\"{}\\n\", {}value_{}[i]);\n",
                        size_macro(i), format, cast, i);
  }
  return text + "  return 0;\n}\n";
}

std::string Writer::build_file() const {
  const std::string& name = names_.name;
  return fmt::format(
      "cmake_minimum_required(VERSION 3.10)\nproject({0} C)\n\n"
      "if(NOT CMAKE_BUILD_TYPE)\n  set(CMAKE_BUILD_TYPE Release)\nendif()\n\n"
      "# The network, for programs of your own.\n"
      "add_library({0}_library STATIC {0}.c {0}_weights.c)\n"
      "set_target_properties({0}_library PROPERTIES C_STANDARD 99)\n"
      "target_include_directories({0}_library PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})\n"
      "if(NOT MSVC)\n"
      "  # The same numbers everywhere, also where the machine multiplies and adds at once.\n"
      "  target_compile_options({0}_library PRIVATE -ffp-contract=off)\n"
      "  target_link_libraries({0}_library PUBLIC m)\nendif()\n\n"
      "add_executable({0}_main main.c)\n"
      "set_target_properties({0}_main PROPERTIES C_STANDARD 99 OUTPUT_NAME {0})\n"
      "target_link_libraries({0}_main PRIVATE {0}_library)\n",
      name);
}

std::string Writer::sketch() const {
  std::string text = fmt::format(
      "/* Runs {0} on zeros and prints its outputs: what a sensor gives belongs into value_0. */\n"
      "#include <{0}.h>\n\n{1}\n"
      "void setup() {{ Serial.begin(115200); }}\n\nvoid loop() {{\n",
      names_.name, example_memory());
  text += wrapped(fmt::format("  if ({} == 0) {{\n", example_call()), 6);
  for (std::size_t i = plan_.inputs.size(); i < parameters_.size(); ++i) {
    const bool is_float = plan_.values[parameters_[i].first].type == DataType::kFloat;
    text += fmt::format("    for (size_t i = 0; i < {}; ++i) Serial.println({}value_{}[i]);\n",
                        size_macro(i), is_float ? "" : "(long)", i);
  }
  return text + "  }\n  delay(1000);\n}\n";
}

std::string Writer::library_properties() const {
  return fmt::format(
      "name={0}\nversion=1.0.0\nauthor=qcompress\nmaintainer=qcompress\n"
      "sentence=A neural network in C99.\n"
      "paragraph=Needs no other library, and no memory but what its caller has.\n"
      "category=Data Processing\nurl=\narchitectures=*\nincludes={0}.h\n",
      names_.name);
}

std::string Writer::library_json() const {
  return fmt::format(
      "{{\n  \"name\": \"{0}\",\n  \"version\": \"1.0.0\",\n"
      "  \"description\": \"A neural network in C99.\",\n  \"headers\": \"{0}.h\",\n"
      "  \"frameworks\": \"*\",\n  \"platforms\": \"*\",\n"
      "  \"build\": {{\"flags\": \"-ffp-contract=off\"}}\n}}\n",
      names_.name);
}

}  // namespace

std::vector<ProgramFile> write_program(const Plan& plan, const ProgramNames& names,
                                       ProgramLayout layout) {
  if (!is_identifier(names.name)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--name {}: needs letters, digits and underscores, and no word that "
                            "C or C++ has",
                            names.name));
  }
  Writer writer(plan, names);
  std::vector<ProgramFile> network = {{names.name + ".h", writer.header()},
                                      {names.name + ".c", writer.source()},
                                      {names.name + "_weights.c", weights_text(plan, names)}};
  if (layout == ProgramLayout::kFolder) {
    network.push_back({"main.c", writer.main_file()});
    network.push_back({"CMakeLists.txt", writer.build_file()});
    return network;
  }
  std::vector<ProgramFile> library = {
      {"library.properties", writer.library_properties()},
      {"library.json", writer.library_json()},
      {fmt::format("examples/{0}/{0}.ino", names.name), writer.sketch()}};
  for (ProgramFile& file : network) library.push_back({"src/" + file.name, std::move(file.text)});
  return library;
}

}  // namespace qc::c
