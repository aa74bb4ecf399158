//===- ReadAttention.cpp - Attention of a decoder -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ReadAttention.h. Loops over tokens look at a few of them: every op treats
// all tokens alike but for what depends on their positions, which is computed.
//
//===----------------------------------------------------------------------===//

#include "ReadAttention.h"

#include "Probes.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using llvm::Error;
using llvm::Expected;

namespace {

/// Scores of columns that are not seen are at most this: their exponential
/// beside that of one that is seen is 0. ONNX Runtime hides by -1e4.
constexpr double hidden = -9e3;

class AttentionReader {
public:
  AttentionReader(const DecoderParts &parts, LinearForms &forms, Operation *op,
                  int64_t tokens, int64_t width)
      : parts(parts), forms(forms), op(op), tokens(tokens), width(width) {
    for (int64_t t :
         {int64_t(0), int64_t(1), int64_t(2), tokens / 2, tokens - 1})
      if (t < tokens && !llvm::is_contained(samples, t))
        samples.push_back(t);
  }

  Expected<AttentionLayer>
  read(llvm::function_ref<LinearForm(int64_t)> formOf) {
    if (tokens < 2)
      return fail("expected a graph of two tokens or more");
    if (Error error = readResult(formOf))
      return std::move(error);
    if (Error error = readProbabilities())
      return std::move(error);
    if (Error error = readHeads())
      return std::move(error);
    return std::move(layer);
  }

private:
  Error fail(const Twine &reason) const {
    return makeError(op, "expected attention: " + reason);
  }

  const ProductPart *findProduct(Value value) const {
    const auto *it = parts.products.find(value);
    return it == parts.products.end() ? nullptr : &it->second;
  }

  /// The product of probabilities and values: element [t, h * size + d] of the
  /// rows is its [h, t, d].
  Error readResult(llvm::function_ref<LinearForm(int64_t)> formOf) {
    LinearForm first = formOf(0);
    const LinearTerm *term = first.single();
    values = term ? findProduct(term->root) : nullptr;
    if (!values || values->rows != tokens || values->inner != tokens ||
        values->batch * values->columns != width)
      return fail("its rows are no product of probabilities and values");
    layer.heads = values->batch;
    layer.headDim = values->columns;
    for (int64_t t : samples)
      for (int64_t i = 0; i < width; ++i) {
        LinearForm form = formOf(t * width + i);
        const LinearTerm *each = form.single();
        int64_t place = (i / layer.headDim * tokens + t) * layer.headDim +
                        i % layer.headDim;
        if (!each || each->root != term->root || each->factor != 1 ||
            each->place != place)
          return fail("its rows are not its heads side by side");
      }
    return Error::success();
  }

  /// Softmax of scaled scores that a mask hides.
  Error readProbabilities() {
    LinearForm first =
        forms.get(values->getLhs(), values->getLhsPlace(0, 0, 0));
    const LinearTerm *term = first.single();
    if (!term || term->factor != 1)
      return fail("its left side is no softmax");
    probabilities = term->root;
    masked = findSoftmaxInput(probabilities);
    if (!masked || !computesSoftmax(probabilities, masked, tokens))
      return fail("its left side is no softmax");
    for (int64_t head = 0; head < layer.heads; ++head) {
      for (int64_t t : llvm::reverse(samples))
        if (Error error = readRow(head, t))
          return error;
    }
    // One head of tokens here and there.
    for (int64_t t : spreadTokens(tokens))
      if (Error error = readRow(t % layer.heads, t))
        return error;
    return Error::success();
  }

  /// Whether column `j` is seen; the scale is noted. None on what is no score.
  std::optional<bool> isSeen(int64_t head, int64_t t, int64_t j) {
    LinearForm weight =
        forms.get(values->getLhs(), values->getLhsPlace(head, t, j));
    const LinearTerm *term = weight.single();
    int64_t place = (head * tokens + t) * tokens + j;
    if (!term || term->root != probabilities || term->factor != 1 ||
        term->place != place)
      return std::nullopt;
    LinearForm form = forms.get(masked, place);
    if (form.constant <= hidden)
      return false;
    if (form.terms.size() != 1 || std::abs(form.constant) > 1e-6)
      return std::nullopt;
    const LinearTerm &score = form.terms.front();
    if (!scores) {
      scores = findProduct(score.root);
      scale = score.factor;
    }
    bool isScore = scores && scores == findProduct(score.root) &&
                   score.factor == scale && score.place == place;
    return isScore ? std::optional(true) : std::nullopt;
  }

  /// Columns that are looked at for token `t`: a window may begin at any of the
  /// last token's, which is looked at first.
  SmallVector<int64_t> getColumns(int64_t head, int64_t t) const {
    SmallVector<int64_t> columns;
    int64_t stride = std::max<int64_t>(1, tokens / 16);
    for (int64_t j = 0; j < tokens; ++j)
      if ((head == 0 && (t == tokens - 1 || j % stride == 0)) ||
          std::abs(j - t) < 2 || j == 0 || j + 1 == tokens ||
          std::abs(j - (t - layer.window)) < 2)
        columns.push_back(j);
    return columns;
  }

  /// Columns of the window up to `t` are seen, and no others.
  Error readRow(int64_t head, int64_t t) {
    int64_t first = -1;
    for (int64_t j : getColumns(head, t)) {
      std::optional<bool> seen = isSeen(head, t, j);
      if (!seen)
        return fail("what it takes the softmax of is no score with a mask");
      if (*seen && first < 0)
        first = j;
      if (*seen != (first >= 0 && j <= t))
        return fail("token " + Twine(t) + (*seen ? " sees" : " does not see") +
                    " token " + Twine(j));
    }
    if (head == 0 && t == tokens - 1 && first > 0)
      layer.window = t - first + 1;
    int64_t expected =
        layer.window ? std::max<int64_t>(0, t - layer.window + 1) : 0;
    return first == expected
               ? Error::success()
               : fail("its window is not the same for all tokens");
  }

  //===--------------------------------------------------------------------===//
  // Heads
  //===--------------------------------------------------------------------===//

  /// An element of a linear's result, behind a norm of heads or not.
  struct Source {
    Value linear, norm;
    int64_t place = 0;
    int64_t normPlace = 0; // of the norm's result
  };

  std::optional<Source> findSource(const LinearTerm &term) {
    if (parts.linears.contains(term.root))
      return Source{term.root, {}, term.place};
    const auto *it = parts.norms.find(term.root);
    if (it == parts.norms.end() || it->second.size != layer.headDim)
      return std::nullopt;
    LinearForm form = forms.expand(it->second.input, term.place);
    const LinearTerm *inner = form.single();
    // A norm may read a linear as it is.
    if (parts.linears.contains(it->second.input))
      return Source{it->second.input, it->first, term.place, term.place};
    if (!inner || inner->factor != 1 || !parts.linears.contains(inner->root))
      return std::nullopt;
    return Source{inner->root, it->first, inner->place, term.place};
  }

  /// Element [t, h, d] of queries or keys as a sum of a linear's.
  LinearForm formOfQuery(int64_t h, int64_t t, int64_t d) {
    return forms.get(scores->getLhs(), scores->getLhsPlace(h, t, d));
  }
  LinearForm formOfKey(int64_t h, int64_t t, int64_t d) {
    return forms.get(scores->getRhs(), scores->getRhsPlace(h, d, t));
  }

  /// Finds the linear behind heads, and how they are rotated. `kvHeads` is what
  /// it has of them.
  template <typename GetForm>
  Expected<Rotation> readRotated(GetForm getForm, Value &linear, Value &norm,
                                 int64_t &count) {
    LinearForm first = getForm(0, 0, 0);
    auto source = first.terms.size() == 1 ? findSource(first.terms.front())
                                          : std::nullopt;
    if (!source || first.constant != 0)
      return fail("its heads are not those of one product with a matrix");
    linear = source->linear;
    norm = source->norm;
    int64_t rows = parts.linears.find(linear)->second.rows;
    count = rows / layer.headDim;
    if (rows % layer.headDim || count < 1 || layer.heads % count)
      return fail("its heads do not divide " + Twine(rows) + " rows");
    int64_t group = layer.heads / count;
    std::optional<Rotation> rotation;
    for (int64_t h = 0; h < layer.heads; ++h) {
      bool isBroken = false;
      auto get = [&](int64_t t, int64_t d) {
        RotatedElement element;
        LinearForm form = getForm(h, t, d);
        isBroken |= form.constant != 0 || form.terms.size() > 2;
        for (const LinearTerm &term : form.terms) {
          auto at = findSource(term);
          int64_t start = t * rows + h / group * layer.headDim;
          int64_t inner = at ? at->place - start : -1;
          if (!at || at->linear != linear || at->norm != norm || inner < 0 ||
              inner >= layer.headDim ||
              (norm && at->normPlace % layer.headDim != inner)) {
            isBroken = true;
          } else if (inner == d) {
            element.self = term.factor;
          } else {
            element.partner = inner;
            element.other = term.factor;
          }
        }
        return element;
      };
      SmallVector<int64_t> positions(samples);
      if (h == 0)
        llvm::append_range(positions, spreadTokens(tokens));
      auto found = readRotation(layer.headDim, positions, get);
      if (isBroken) {
        if (!found)
          llvm::consumeError(found.takeError());
        return fail("its heads are not rows of one product with a matrix");
      }
      if (!found)
        return fail(llvm::toString(found.takeError()));
      if (rotation && (rotation->frequencies != found->frequencies ||
                       rotation->factor != found->factor ||
                       rotation->isInterleaved != found->isInterleaved))
        return fail("its heads are rotated by angles or scaled by factors of "
                    "their own");
      rotation = std::move(*found);
    }
    return std::move(*rotation);
  }

  Error readHeads() {
    if (!scores || scores->batch != layer.heads || scores->rows != tokens ||
        scores->columns != tokens || scores->inner != layer.headDim)
      return fail("its scores are no product of queries and keys");
    int64_t heads = 0;
    auto query = readRotated(
        [&](int64_t h, int64_t t, int64_t d) { return formOfQuery(h, t, d); },
        layer.q, layer.qNorm, heads);
    if (!query)
      return query.takeError();
    auto key = readRotated(
        [&](int64_t h, int64_t t, int64_t d) { return formOfKey(h, t, d); },
        layer.k, layer.kNorm, layer.kvHeads);
    if (!key)
      return key.takeError();
    if (heads != layer.heads)
      return fail("several heads have one query");
    if (query->frequencies != key->frequencies ||
        query->isInterleaved != key->isInterleaved)
      return fail("queries and keys are rotated differently");
    layer.frequencies = query->frequencies;
    layer.isInterleaved = query->isInterleaved;
    return readScale(query->factor * key->factor * scale);
  }

  Error readScale(double total) {
    double ratio = total * std::sqrt(double(layer.headDim));
    bool isWhole = 2 * int64_t(layer.frequencies.size()) == layer.headDim;
    if (std::abs(ratio - 1) > 1e-5) {
      if (!isWhole || !(ratio > 0))
        return fail("expected a scale of 1 / sqrt(" + Twine(layer.headDim) +
                    ")");
      layer.amplitude = std::sqrt(ratio);
    }
    return readValues();
  }

  Error readValues() {
    int64_t group = layer.heads / layer.kvHeads;
    int64_t rows = layer.kvHeads * layer.headDim;
    SmallVector<int64_t> looked(samples);
    llvm::append_range(looked, spreadTokens(tokens));
    for (int64_t h = 0; h < layer.heads; ++h)
      for (int64_t t : looked)
        for (int64_t d = 0; d < layer.headDim; d += h == 0 ? 1 : 7) {
          LinearForm form =
              forms.get(values->getRhs(), values->getRhsPlace(h, t, d));
          const LinearTerm *term = form.single();
          int64_t place = t * rows + h / group * layer.headDim + d;
          if (!layer.v && term)
            layer.v = term->root;
          if (!term || term->root != layer.v || term->factor != 1 ||
              term->place != place)
            return fail("its values are not rows of one product with a matrix");
        }
    return Error::success();
  }

  const DecoderParts &parts;
  LinearForms &forms;
  Operation *op;
  int64_t tokens, width;
  SmallVector<int64_t> samples;
  const ProductPart *values = nullptr, *scores = nullptr;
  Value probabilities, masked;
  double scale = 0;
  AttentionLayer layer;
};

} // namespace

Expected<AttentionLayer>
sterna::readAttention(const DecoderParts &parts, LinearForms &forms,
                      Operation *op, int64_t tokens, int64_t width,
                      llvm::function_ref<LinearForm(int64_t place)> formOf) {
  return AttentionReader(parts, forms, op, tokens, width).read(formOf);
}
