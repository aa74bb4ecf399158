//===- UnsupportedNodes.cpp - What a model has that is not known ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See UnsupportedNodes.h.
//
//===----------------------------------------------------------------------===//

#include "UnsupportedNodes.h"

#include "OpTable.h"

#include <map>
#include <set>

using namespace sterna;

namespace {

class Lister {
public:
  explicit Lister(const onnx::ModelProto &model) {
    for (const auto &set : model.opset_import())
      versions[set.domain()] = set.version();
    for (const onnx::FunctionProto &function : model.functions())
      functions.insert({function.domain(), function.name()});
    addAll(model.graph().node());
    for (const onnx::FunctionProto &function : model.functions())
      addAll(function.node());
  }

  std::string describe() const {
    std::string text;
    for (const auto &[op, names] : missing) {
      const auto &[domain, type] = op;
      auto version = versions.find(domain);
      text += "\n  " + type + " of " + (domain.empty() ? "ai.onnx" : domain);
      if (version != versions.end())
        text += " " + std::to_string(version->second);
      text += ":";
      for (const std::string &name : names)
        text += " '" + name + "'";
    }
    return text.empty() ? text : "these nodes are not supported:" + text;
  }

private:
  template <typename Nodes> void addAll(const Nodes &nodes) {
    for (const onnx::NodeProto &node : nodes) {
      if (!OpTable::get().find(node.domain(), node.op_type()) &&
          !functions.count({node.domain(), node.op_type()}))
        missing[{node.domain(), node.op_type()}].push_back(
            node.name().empty() && node.output_size() ? node.output(0)
                                                      : node.name());
      for (const onnx::AttributeProto &attribute : node.attribute()) {
        if (attribute.has_g())
          addAll(attribute.g().node());
        for (const onnx::GraphProto &graph : attribute.graphs())
          addAll(graph.node());
      }
    }
  }

  using Op = std::pair<std::string, std::string>;
  std::map<std::string, int64_t> versions;
  std::set<Op> functions;
  std::map<Op, std::vector<std::string>> missing;
};

} // namespace

std::string sterna::describeUnsupportedNodes(const onnx::ModelProto &model) {
  return Lister(model).describe();
}
