//===- DecoderWeights.cpp - Where a decoder's weights lie -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See DecoderWeights.h.
//
//===----------------------------------------------------------------------===//

#include "DecoderWeights.h"

#include "ScalarForms.h"
#include "Uniform.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "sterna/Dialect/Tern/IR/Tern.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using llvm::createStringError;
using llvm::Expected;

//===----------------------------------------------------------------------===//
// Tensors of files
//===----------------------------------------------------------------------===//

/// Where the elements of `value` are in a file; null where they are in none.
static tern::ElementsSourceAttr findSource(Value value, std::string &name) {
  Operation *op = value.getDefiningOp();
  if (auto get = dyn_cast_if_present<tern::GetParamOp>(op)) {
    name = get.getParam().str();
    auto param = SymbolTable::lookupNearestSymbolFrom<tern::ParamOp>(
        op, get.getParamAttr());
    return dyn_cast<tern::ElementsSourceAttr>(param.getSource());
  }
  auto where = op ? dyn_cast<FusedLoc>(op->getLoc()) : FusedLoc();
  if (!where)
    return {};
  if (auto named = dyn_cast<NameLoc>(where.getLocations().front()))
    name = named.getName().str();
  return dyn_cast_if_present<tern::ElementsSourceAttr>(where.getMetadata());
}

/// How rows of elements `type` are stored; none if in no way that is read.
static std::optional<StorageType>
findStorage(Type type, tern::ElementsSourceAttr source, bool isTransposed) {
  if (type.isF32())
    return isTransposed ? StorageType::F32Columns : StorageType::F32;
  if (type.isF16())
    return isTransposed ? StorageType::F16Columns : StorageType::F16;
  if (type.isBF16())
    return isTransposed ? StorageType::BF16Columns : StorageType::BF16;
  if (!type.isInteger(8))
    return std::nullopt;
  if (source.getBits() == 0 && source.getIsUnsigned())
    return std::nullopt;
  if (source.getBits() == 0)
    return isTransposed ? StorageType::I8Columns : StorageType::I8;
  if (isTransposed)
    return std::nullopt;
  if (source.getIsUnsigned())
    return source.getBits() == 2 ? std::optional(StorageType::MLXU2)
                                 : std::nullopt;
  return source.getBits() == 2 ? StorageType::I2 : StorageType::I4;
}

static Expected<StoredTensor> locate(Value value, std::vector<int64_t> shape,
                                     bool isTransposed) {
  StoredTensor tensor;
  tern::ElementsSourceAttr source = findSource(value, tensor.name);
  if (!source)
    return createStringError(
        "expected a tensor of the model's file, but it is computed");
  int64_t count = cast<RankedTensorType>(value.getType()).getNumElements();
  if (count != llvm::product_of(shape))
    return createStringError("expected " + Twine(llvm::product_of(shape)) +
                             " elements, but '" + tensor.name + "' has " +
                             Twine(count));
  Type element = getElementTypeOrSelf(value.getType());
  llvm::raw_string_ostream(tensor.typeName)
      << (isTransposed ? "a transpose of " : "") << element;
  tensor.path = source.getPath().str();
  tensor.offset = source.getOffset();
  tensor.storage = findStorage(element, source, isTransposed);
  tensor.shape = std::move(shape);
  return tensor;
}

Expected<StoredTensor> sterna::locateTensor(Value value,
                                            std::vector<int64_t> shape) {
  return locate(value, std::move(shape), /*isTransposed=*/false);
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

namespace {

/// Reads one matrix off the values that it is computed from.
class MatrixReader {
public:
  MatrixReader(const LinearPart &linear, LinearForms &forms)
      : linear(linear), forms(forms) {}

  Expected<StoredMatrix> read(const LinearInput &input) {
    auto matrix = readMatrix();
    if (matrix && !isComputed(*matrix))
      if (llvm::Error error = checkUniform(*matrix))
        return std::move(error);
    if (!matrix || !linear.scale)
      return matrix;
    if (matrix->scale)
      return fail("it has a scale and its product another");
    factors.assign(linear.rows, input.factor);
    auto scale = readScale(linear.scale);
    if (!scale)
      return scale.takeError();
    matrix->scale = std::move(*scale);
    matrix->isDivided = input.isDivided;
    return matrix;
  }

private:
  Expected<StoredMatrix> readMatrix() {
    if (auto latent = readLatent(linear, forms)) {
      auto tensor = locate(latent->parameter, {linear.rows, linear.columns},
                           latent->isTransposed);
      if (!tensor)
        return tensor.takeError();
      tensor->isLatent = true;
      return StoredMatrix{std::move(*tensor), {}};
    }
    if (Value packed = readPacked(linear, forms)) {
      auto tensor = locateTensor(packed, {linear.rows / 4, linear.columns});
      if (!tensor)
        return tensor.takeError();
      tensor->shape[0] = linear.rows;
      tensor->storage = StorageType::BitNetU8;
      return StoredMatrix{std::move(*tensor), {}};
    }
    LinearForm first = formOf(0, 0);
    Value product = findScaled(first);
    if (product)
      return readScaled(product);
    auto grouped = readConstantGroups();
    if (!grouped)
      return grouped.takeError();
    if (*grouped)
      return std::move(**grouped);
    auto trits = readTrits(linear.weight, /*findsScale=*/true);
    if (!trits)
      return trits.takeError();
    StoredMatrix result{std::move(*trits), {}};
    if (isPlain)
      return result;
    auto scale = readScale(linear.weight);
    if (!scale)
      return scale.takeError();
    result.scale = std::move(*scale);
    return result;
  }

  /// Whether all elements were looked at as what a function gives.
  static bool isComputed(const StoredMatrix &matrix) {
    return matrix.weight.isLatent ||
           matrix.weight.storage == StorageType::BitNetU8;
  }

  /// Fails where elements that were not looked at may differ from others.
  llvm::Error checkUniform(const StoredMatrix &matrix) const {
    if (isSmall())
      return llvm::Error::success();
    Computation computed = analyzeComputation(linear.weight, forms);
    if (!computed.isUniform)
      return fail("it is put together of parts");
    // Those of rows or columns were looked at in all of them.
    for (Value table : computed.tables) {
      int64_t count = cast<RankedTensorType>(table.getType()).getNumElements();
      bool isScale =
          matrix.scale && llvm::product_of(matrix.scale->shape) == count;
      if (count != linear.rows && count != linear.columns && !isScale)
        return fail("it is computed with a table of " + Twine(count) +
                    " numbers");
    }
    return llvm::Error::success();
  }

  /// Whether each element is looked at.
  bool isSmall() const { return linear.rows * linear.columns <= 1 << 14; }

  /// Calls `look` for the places of elements that tell those of a matrix that
  /// is computed alike: all of the first and last row, the first of each row,
  /// and some of others. Of a small one, all.
  bool lookAround(llvm::function_ref<bool(int64_t, int64_t)> look) const {
    for (int64_t row = 0; row < linear.rows; ++row) {
      bool isWhole = isSmall() || row == 0 || row + 1 == linear.rows;
      if (!isWhole && row != 1 && row % 37 != 0) {
        if (!look(row, 0))
          return false;
        continue;
      }
      for (int64_t column : samples(linear.columns, isWhole))
        if (!look(row, column))
          return false;
    }
    return true;
  }

  int64_t placeOf(int64_t row, int64_t column) const {
    return linear.isTransposed ? row * linear.columns + column
                               : column * linear.rows + row;
  }
  LinearForm formOf(int64_t row, int64_t column) {
    return forms.get(linear.weight, placeOf(row, column));
  }

  /// Rows and columns at which a matrix is looked at.
  static SmallVector<int64_t> samples(int64_t count, bool areAll = false) {
    if (areAll)
      return llvm::to_vector(llvm::seq<int64_t>(0, count));
    llvm::SmallVector<int64_t> places;
    for (int64_t place :
         {int64_t(0), int64_t(1), count / 3, count / 2, count - 2, count - 1})
      if (place >= 0 && place < count && !llvm::is_contained(places, place))
        places.push_back(place);
    return places;
  }

  /// The product of integers and scales that `form` is an element of, where the
  /// scales are a parameter; else null.
  static Value findScaled(const LinearForm &form) {
    const LinearTerm *term = form.single();
    if (!term || !term->root.getDefiningOp<arith::MulFOp>())
      return nullptr;
    return term->root;
  }

  /// The matrix that `value` has the elements of, times or by one factor for
  /// each row, which is noted.
  Expected<StoredTensor> readTrits(Value value, bool findsScale) {
    Value root;
    bool isRowMajor = true, isColumnMajor = true;
    factors.assign(linear.rows, 0);
    std::string reason;
    bool fits = lookAround([&](int64_t row, int64_t column) {
      LinearForm form = forms.get(value, placeOf(row, column));
      if (form.terms.size() != 1 || (root && root != form.terms.front().root)) {
        reason = "its elements are not those of one tensor";
        return false;
      }
      LinearTerm &term = form.terms.front();
      if (columnScale) {
        double scale = columnScale(row, column);
        form.constant /= scale;
        term.factor = std::abs(term.factor - scale) <= 1e-6 * scale ? 1 : 0;
      }
      root = term.root;
      isRowMajor &= term.place == row * linear.columns + column;
      isColumnMajor &= term.place == column * linear.rows + row;
      double &factor = factors[row];
      factor = column == 0 ? term.factor : factor;
      double zero = -form.constant / term.factor;
      if (std::abs(term.factor - factor) > 1e-6 * std::abs(factor)) {
        reason = "its columns have scales of their own";
        return false;
      }
      zeroPoint = row == 0 && column == 0 ? zero : zeroPoint;
      if (!(std::abs(zero - zeroPoint) <= 1e-6))
        reason = "its rows have zero points of their own";
      return reason.empty();
    });
    if (!fits)
      return fail(reason);
    if (!isRowMajor && !isColumnMajor)
      return fail("its elements are in another order than a matrix's");
    isPlain = llvm::all_of(factors, [](double each) { return each == 1; });
    if ((!findsScale || columnScale) && !isPlain)
      return fail("its integers are scaled twice");
    auto tensor = locate(root, {linear.rows, linear.columns}, !isRowMajor);
    if (!tensor)
      return fail(llvm::toString(tensor.takeError()));
    double expected = tensor->storage == StorageType::MLXU2 ? 1 : 0;
    if (zeroPoint != expected)
      return fail("expected a zero point of " + Twine(int(expected)) +
                  ", but got " + formatNumber(zeroPoint));
    return std::move(*tensor);
  }

  /// Integers times a constant with scales of groups; none where there is none.
  Expected<std::optional<StoredMatrix>> readConstantGroups() {
    for (Operation *op : findSlice(linear.weight, forms)) {
      DenseElementsAttr scales;
      if (!matchPattern(op, m_Constant(&scales)) ||
          !isa<FloatType>(scales.getElementType()) || scales.isSplat() ||
          scales.getNumElements() % linear.rows != 0)
        continue;
      int64_t groups = scales.getNumElements() / linear.rows;
      if (groups < 2 || linear.columns % groups != 0)
        continue;
      int64_t size = linear.columns / groups;
      bool fits = lookAround([&](int64_t row, int64_t column) {
        LinearForm form = formOf(row, column);
        return form.terms.size() == 1 &&
               formsAgree(scales, row * groups + column / size,
                          form.terms.front().factor);
      });
      if (!fits)
        return std::optional<StoredMatrix>();
      // The integers are what they would be with no scales.
      columnScale = [=](int64_t row, int64_t column) {
        return *numberOf(scales, row * groups + column / size);
      };
      auto trits = readTrits(linear.weight, /*findsScale=*/true);
      auto scale = locateTensor(op->getResult(0), {linear.rows, groups});
      columnScale = nullptr;
      if (!trits || !scale)
        return llvm::joinErrors(trits.takeError(), scale.takeError());
      return StoredMatrix{std::move(*trits), std::move(*scale)};
    }
    return std::optional<StoredMatrix>();
  }

  /// The constant among those of `value` that the factors come from: one number
  /// or one for each row.
  Expected<StoredTensor> readScale(Value value) {
    for (Operation *op : findSlice(value, forms))
      for (int64_t count : {int64_t(1), linear.rows}) {
        DenseElementsAttr elements;
        if (!matchPattern(op, m_Constant(&elements)) ||
            elements.getNumElements() != count ||
            !isa<FloatType>(elements.getElementType()))
          continue;
        bool fits = true;
        for (int64_t row = 0; row < linear.rows; ++row)
          fits &= formsAgree(elements, count == 1 ? 0 : row, factors[row]);
        if (fits)
          return locateTensor(op->getResult(0), {count});
      }
    return fail("its scale is not a tensor of the file");
  }

  static bool formsAgree(DenseElementsAttr elements, int64_t place,
                         double factor) {
    std::optional<double> value = numberOf(elements, place);
    return value && std::abs(*value - factor) <= 1e-6 * std::abs(factor);
  }

  /// Integers times a parameter of scales, one for each group of columns.
  Expected<StoredMatrix> readScaled(Value product) {
    // The product may be the transpose of what is read.
    LinearPart part = linear;
    part.weight = product;
    int64_t column = linear.columns - 1;
    LinearForm form = formOf(0, column);
    const LinearTerm *last = form.single();
    part.isTransposed = last && last->place == column;
    MatrixReader inner(part, forms);
    bool fits = lookAround([&](int64_t row, int64_t place) {
      LinearForm each = formOf(row, place);
      const LinearTerm *term = each.single();
      return term && term->root == product && term->factor == 1 &&
             term->place == inner.placeOf(row, place);
    });
    if (!fits)
      return fail("its elements are in another order than a matrix's");
    Operation *op = product.getDefiningOp();
    for (unsigned side : {0, 1}) {
      auto scale = inner.readGroups(op->getOperand(1 - side));
      if (!scale) {
        llvm::consumeError(scale.takeError());
        continue;
      }
      auto trits = inner.readTrits(op->getOperand(side), /*findsScale=*/false);
      if (!trits)
        return trits.takeError();
      return StoredMatrix{std::move(*trits), std::move(*scale)};
    }
    return fail("its scales are not a tensor of the file");
  }

  Expected<StoredTensor> readGroups(Value scales) {
    Value root;
    int64_t groups = 0;
    auto look = [&](int64_t row, int64_t column) -> std::optional<int64_t> {
      LinearForm form = forms.get(scales, placeOf(row, column));
      const LinearTerm *term = form.single();
      if (!term || term->factor != 1 || (root && term->root != root) ||
          !term->root.getDefiningOp<tern::GetParamOp>())
        return std::nullopt;
      root = term->root;
      return term->place;
    };
    if (!look(0, 0))
      return fail("its scales are not a tensor of the file");
    groups =
        cast<RankedTensorType>(root.getType()).getNumElements() / linear.rows;
    if (groups < 1 || linear.columns % groups != 0)
      return fail("its scales are not some for each row");
    int64_t group = linear.columns / groups;
    bool fits = lookAround([&](int64_t row, int64_t column) {
      return look(row, column) == row * groups + column / group;
    });
    if (!fits)
      return fail("its scales are not those of groups of columns");
    return locateTensor(root, {linear.rows, groups});
  }

  llvm::Error fail(const Twine &reason) const {
    return makeError(linear.op, "the matrix of its product: " + reason);
  }

  const LinearPart &linear;
  LinearForms &forms;
  std::vector<double> factors;
  std::function<double(int64_t row, int64_t column)> columnScale;
  double zeroPoint = 0;
  bool isPlain = true;
};

} // namespace

Expected<StoredMatrix> sterna::locateMatrix(const LinearPart &linear,
                                            const LinearInput &input,
                                            LinearForms &forms) {
  return MatrixReader(linear, forms).read(input);
}
