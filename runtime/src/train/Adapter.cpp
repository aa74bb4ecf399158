//===- Adapter.cpp - LoRA adapters in a session's state -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Adapter.h.
//
//===----------------------------------------------------------------------===//

#include "train/Adapter.h"

#include <algorithm>
#include <cmath>
#include <map>

using namespace sterna;

namespace {

std::string shapeText(uint64_t rows, uint64_t columns) {
  return "[" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
}

std::string compiledTargets(const Module &module) {
  std::string list;
  for (const flatbuffers::String *target :
       orEmpty(module.model().lora_targets()))
    list += (list.empty() ? "" : ",") + target->str();
  return list;
}

/// Whether a tensor's shape is [rows, columns]; 0 stands for any.
bool hasShape(const format::StateTensor &tensor, uint64_t rows,
              uint64_t columns) {
  const auto &shape = orEmpty(tensor.shape());
  return shape.size() == 2 && (rows == 0 || shape.Get(0) == rows) &&
         (columns == 0 || shape.Get(1) == columns);
}

} // namespace

Expected<std::vector<Adapter::Linear>>
Adapter::findLinears(const Module &module) {
  uint32_t rank = module.model().lora_rank();
  if (rank == 0)
    return Status::error("the module was compiled without adapters: compile "
                         "it with --lora-rank above 0");
  std::map<std::pair<int32_t, size_t>, Linear> byPlace;
  for (const format::StateTensor *tensor : orEmpty(module.plan().state())) {
    bool isA = tensor->kind() == format::StateKind::lora_a;
    if (!isA && tensor->kind() != format::StateKind::lora_b)
      continue;
    std::string target = tensor->target() ? tensor->target()->str() : "";
    if (tensor->layer() < 0 || targetIndex(target) == loraTargets().size() ||
        !hasShape(*tensor, isA ? rank : 0, isA ? 0 : rank))
      return Status::error("state tensor '" + tensor->name()->str() +
                           "' is no LoRA matrix of rank " +
                           std::to_string(rank));
    Linear &linear = byPlace[{tensor->layer(), targetIndex(target)}];
    linear.layer = uint32_t(tensor->layer());
    linear.target = target;
    (isA ? linear.a : linear.b) = tensor;
    (isA ? linear.in : linear.out) = tensor->shape()->Get(isA ? 1 : 0);
  }
  std::vector<Linear> linears;
  for (auto &[place, linear] : byPlace) {
    if (!linear.a || !linear.b)
      return Status::error("the module has only one LoRA matrix of '" +
                           linear.target + "' in layer " +
                           std::to_string(linear.layer));
    linears.push_back(std::move(linear));
  }
  return linears;
}

static PeftConfig freshConfig(const Module &module, double alpha) {
  PeftConfig config;
  config.rank = module.model().lora_rank();
  config.alpha = alpha;
  config.baseModel = module.model().name()->str();
  return config;
}

LoraPair Adapter::drawPair(const Linear &linear, uint64_t rank,
                           SplitMix64 &random) {
  double bound = 1 / std::sqrt(double(linear.in));
  LoraPair pair{linear.layer, linear.target, linear.in, linear.out, {}, {}};
  pair.a.resize(rank * linear.in);
  for (float &value : pair.a)
    value = float((double(random.next() >> 40) * 0x1p-23 - 1) * bound);
  pair.b.resize(linear.out * rank);
  return pair;
}

Expected<PeftAdapter> Adapter::fresh(const Module &module, double alpha,
                                     uint64_t seed) {
  Expected<std::vector<Linear>> linears = findLinears(module);
  if (!linears.ok())
    return linears.status();
  PeftAdapter adapter;
  adapter.config = freshConfig(module, alpha);
  SplitMix64 random(seed);
  for (const Linear &linear : *linears)
    adapter.pairs.push_back(drawPair(linear, adapter.config.rank, random));
  return adapter;
}

Expected<Adapter> Adapter::createFresh(Session &session, double alpha,
                                       uint64_t seed) {
  Expected<std::vector<Linear>> linears = findLinears(session.module());
  if (!linears.ok())
    return linears.status();
  Adapter adapter;
  adapter.config = freshConfig(session.module(), alpha);
  adapter.linears = std::move(*linears);
  SplitMix64 random(seed);
  for (const Linear &linear : adapter.linears)
    if (Status status = adapter.writePair(
            session, linear, drawPair(linear, adapter.config.rank, random));
        !status.ok())
      return status;
  return adapter;
}

Expected<Adapter> Adapter::load(Session &session,
                                const std::string &directory) {
  // Modules without adapters are told from folders that cannot be read.
  if (Expected<std::vector<Linear>> linears = findLinears(session.module());
      !linears.ok())
    return linears.status();
  Expected<PeftAdapter> adapter = readPeft(directory);
  if (!adapter.ok())
    return adapter.status();
  return set(session, *adapter, directory);
}

Expected<Adapter> Adapter::set(Session &session, const PeftAdapter &source,
                               const std::string &origin) {
  const Module &module = session.module();
  Expected<std::vector<Linear>> linears = findLinears(module);
  if (!linears.ok())
    return linears.status();
  uint32_t compiledRank = module.model().lora_rank();
  if (source.config.rank > compiledRank)
    return Status::error("expected an adapter of rank at most " +
                         std::to_string(compiledRank) + ", but '" + origin +
                         "' has rank " + std::to_string(source.config.rank) +
                         ": compile the model with --lora-rank=" +
                         std::to_string(source.config.rank));
  Adapter adapter;
  adapter.config = source.config;
  for (const LoraPair &pair : source.pairs) {
    auto linear = std::find_if(
        linears->begin(), linears->end(), [&](const Linear &linear) {
          return linear.layer == pair.layer && linear.target == pair.target;
        });
    const Linear *found = linear == linears->end() ? nullptr : &*linear;
    if (Status status = checkPair(pair, found, module, origin); !status.ok())
      return status;
    adapter.linears.push_back(*linear);
  }
  // What the adapter leaves out is as in the base model, whatever was there.
  if (Status status = clear(session); !status.ok())
    return status;
  for (size_t i = 0; i < source.pairs.size(); ++i) {
    Status status =
        adapter.writePair(session, adapter.linears[i], source.pairs[i]);
    if (!status.ok())
      return status;
  }
  return adapter;
}

Status Adapter::clear(Session &session) {
  Expected<std::vector<Linear>> linears = findLinears(session.module());
  if (!linears.ok())
    return linears.status();
  uint64_t rank = session.module().model().lora_rank();
  for (const Linear &linear : *linears) {
    std::vector<float> zeroes(rank * std::max(linear.in, linear.out), 0.0f);
    for (const format::StateTensor *matrix : {linear.a, linear.b})
      if (Status status = session.writeState(*matrix, zeroes.data());
          !status.ok())
        return status;
  }
  return Status();
}

Status Adapter::checkPair(const LoraPair &pair, const Linear *linear,
                          const Module &module, const std::string &origin) {
  std::string what = "the adapter '" + origin + "' adapts '" + pair.target +
                     "' in layer " + std::to_string(pair.layer);
  if (pair.layer >= module.model().layers())
    return Status::error(what + ", but the model has " +
                         std::to_string(module.model().layers()) + " layers");
  if (!linear)
    return Status::error(what +
                         ", but the module was compiled with "
                         "--lora-targets=" +
                         compiledTargets(module) +
                         ": compile it with --lora-targets that include it");
  if (pair.in != linear->in || pair.out != linear->out)
    return Status::error(what + " with shape " + shapeText(pair.out, pair.in) +
                         ", but the model's has " +
                         shapeText(linear->out, linear->in));
  return Status();
}

Status Adapter::writePair(Session &session, const Linear &linear,
                          const LoraPair &pair) const {
  uint64_t rank = config.rank;
  uint64_t compiledRank = session.module().model().lora_rank();
  std::vector<float> a(compiledRank * linear.in, 0.0f);
  std::copy(pair.a.begin(), pair.a.end(), a.begin());
  std::vector<float> b(linear.out * compiledRank, 0.0f);
  for (uint64_t row = 0; row < linear.out; ++row)
    std::copy_n(pair.b.data() + row * rank, rank,
                b.data() + row * compiledRank);
  if (Status status = session.writeState(*linear.a, a.data()); !status.ok())
    return status;
  return session.writeState(*linear.b, b.data());
}

Status Adapter::readMatrix(const Session &session, const Linear &linear,
                           char matrix, const format::StateTensor &stored,
                           std::vector<float> &elements) const {
  uint64_t rank = config.rank;
  uint64_t compiledRank = session.module().model().lora_rank();
  elements.resize(compiledRank * (matrix == 'A' ? linear.in : linear.out));
  if (Status status = session.readState(stored, elements.data()); !status.ok())
    return status;
  if (matrix == 'A') {
    elements.resize(rank * linear.in);
    return Status();
  }
  for (uint64_t row = 0; row < linear.out; ++row)
    std::copy_n(elements.data() + row * compiledRank, rank,
                elements.data() + row * rank);
  elements.resize(linear.out * rank);
  return Status();
}

Expected<LoraPair> Adapter::readPair(const Session &session,
                                     const Linear &linear,
                                     const format::StateTensor &a,
                                     const format::StateTensor &b) const {
  LoraPair pair{linear.layer, linear.target, linear.in, linear.out, {}, {}};
  for (Status status : {readMatrix(session, linear, 'A', a, pair.a),
                        readMatrix(session, linear, 'B', b, pair.b)})
    if (!status.ok())
      return status;
  return pair;
}

Expected<PeftAdapter> Adapter::read(const Session &session) const {
  PeftAdapter adapter;
  adapter.config = config;
  for (const Linear &linear : linears) {
    Expected<LoraPair> pair = readPair(session, linear, *linear.a, *linear.b);
    if (!pair.ok())
      return pair.status();
    adapter.pairs.push_back(std::move(*pair));
  }
  return adapter;
}

Status Adapter::save(const Session &session,
                     const std::string &directory) const {
  // One matrix at a time: an adapter is no small part of what training takes.
  std::vector<LoraPairView> pairs;
  for (const Linear &linear : linears) {
    LoraPairView pair{linear.layer, linear.target, linear.in, linear.out,
                      nullptr,      nullptr,       nullptr};
    pair.read = [&](char matrix, std::vector<float> &elements) {
      return readMatrix(session, linear, matrix,
                        matrix == 'A' ? *linear.a : *linear.b, elements);
    };
    pairs.push_back(std::move(pair));
  }
  return writePeft(directory, config, pairs);
}

Expected<PeftAdapter> Adapter::readGradients(const Session &session) const {
  PeftAdapter gradients;
  gradients.config = config;
  for (const Linear &linear : linears) {
    const format::StateTensor *found[2] = {};
    for (int i = 0; i < 2; ++i) {
      const format::StateTensor *parameter = i == 0 ? linear.a : linear.b;
      std::string name = parameter->name()->str() + ".gradient";
      found[i] = session.module().findState(name);
      if (!found[i] || !hasShape(*found[i], parameter->shape()->Get(0),
                                 parameter->shape()->Get(1)))
        return Status::error("the module has no state tensor '" + name +
                             "' of its parameter's shape");
    }
    Expected<LoraPair> pair = readPair(session, linear, *found[0], *found[1]);
    if (!pair.ok())
      return pair.status();
    gradients.pairs.push_back(std::move(*pair));
  }
  return gradients;
}
