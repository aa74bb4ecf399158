//===- Activations.cpp - Activation functions -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise functions of floats as networks have them, and dropout, which is
// the identity in inference.
//
//===----------------------------------------------------------------------===//

#include "../OpTable.h"

#include <cmath>

using namespace mlir;
using namespace sterna;
using onnx::TensorProto;

namespace {

/// Arithmetic of floats and of numbers.
struct Floats {
  const NodeBuilder &n;

  Value c(Value like, double value) const {
    return n.constant(like.getType(), value);
  }
  Value exp(Value x) const { return math::ExpOp::create(n.b, n.loc, x); }
  Value log(Value x) const { return math::LogOp::create(n.b, n.loc, x); }
  Value tanh(Value x) const { return math::TanhOp::create(n.b, n.loc, x); }
  Value erf(Value x) const { return math::ErfOp::create(n.b, n.loc, x); }
  Value abs(Value x) const { return math::AbsFOp::create(n.b, n.loc, x); }
  Value max(Value x, Value y) const {
    return arith::MaximumFOp::create(n.b, n.loc, x, y);
  }
  Value min(Value x, Value y) const {
    return arith::MinimumFOp::create(n.b, n.loc, x, y);
  }
  Value isPositive(Value x) const {
    return n.compare(arith::CmpFPredicate::OGT, x, c(x, 0));
  }
  /// Whose derivative is 0 and not infinity by infinity where exp overflows.
  Value sigmoid(Value x) const {
    double most = getElementTypeOrSelf(x).isF64() ? 709 : 88;
    Value y = n.neg(x);
    Value overflows = n.compare(arith::CmpFPredicate::OGT, y, c(x, most));
    return n.div(c(x, 1),
                 n.add(c(x, 1), exp(n.select(overflows, c(x, most), y))));
  }
  /// log(1 + exp(x)), without overflow.
  Value softplus(Value x) const {
    Value rest = math::Log1pOp::create(n.b, n.loc, exp(n.neg(abs(x))));
    return n.add(max(x, c(x, 0)), rest);
  }
  /// alpha (exp(x / scale) - 1) for what is not positive.
  Value elu(Value x, double alpha, double scale = 1) const {
    // Of 0 where it is not taken, whose derivative is finite.
    Value negative = n.select(isPositive(x), c(x, 0), x);
    Value below = n.sub(exp(n.div(negative, c(x, scale))), c(x, 1));
    return n.select(isPositive(x), x, n.mul(c(x, alpha), below));
  }
  Value gelu(Value x) const {
    Value inner = erf(n.mul(x, c(x, 1 / std::sqrt(2.0))));
    return n.mul(n.mul(c(x, 0.5), x), n.add(c(x, 1), inner));
  }
  Value geluTanh(Value x) const {
    constexpr double pi = 3.14159265358979323846;
    Value cube = n.mul(x, n.mul(x, x));
    Value inner =
        n.mul(c(x, std::sqrt(2 / pi)), n.add(x, n.mul(c(x, 0.044715), cube)));
    return n.mul(n.mul(c(x, 0.5), x), n.add(c(x, 1), tanh(inner)));
  }
  Value hardSigmoid(Value x, double alpha, double beta) const {
    Value line = n.add(n.mul(c(x, alpha), x), c(x, beta));
    return max(c(x, 0), min(c(x, 1), line));
  }
};

using Build = std::function<Value(const Floats &, NodeBuilder &, Value)>;

void addActivation(OpTable &table, StringRef name, const Build &build,
                   StringRef domain = standardDomain) {
  table.add(
      name,
      [build](NodeBuilder &n) -> LogicalResult {
        if (failed(n.expectInputs(1)))
          return failure();
        DataType type = n.dataType(0);
        if (!isFloat(type))
          return n.fail("expected floats, but got " + getTypeName(type));
        Value result = build(Floats{n}, n, n.widen(n.operand(0)));
        return n.finish(n.narrow(result, type), type);
      },
      domain);
}

/// Integers have one, too. A selection, so that its derivative at 0 is 0.
LogicalResult buildRelu(NodeBuilder &n) {
  if (failed(n.expectInputs(1)) || failed(n.expectNumbers({0})))
    return failure();
  DataType type = n.dataType(0);
  GraphValue x = n.widened(0);
  Value zero = n.number(x.value.getType(), 0);
  Value isCut = Arithmetic{n, x.type}.lessOrEqual(x.value, zero);
  return n.finish(n.narrow(n.select(isCut, zero, x.value), type), type);
}

LogicalResult buildPRelu(NodeBuilder &n) {
  if (failed(n.expectInputs(2)) || failed(n.expectNumbers({0, 1})))
    return failure();
  GraphValue x = n.widened(0), slope = n.widened(1);
  auto shape = n.broadcastShapes({n.shapeOf(x.value), n.shapeOf(slope.value)});
  if (!shape)
    return failure();
  if (Shape(*shape) != n.shapeOf(x.value))
    return n.fail("its slope is larger than its input");
  Arithmetic math{n, x.type};
  Value result = n.elementwise({x, slope}, [&](ArrayRef<Value> v) -> Value {
    Value zero = n.number(v[0].getType(), 0);
    return n.select(math.less(v[0], zero), math.mul(v[0], v[1]), v[0]);
  });
  if (!result)
    return failure();
  return n.finish(n.narrow(result, n.dataType(0)), n.dataType(0));
}

/// The second input times the first through swish.
LogicalResult buildSwiGLU(NodeBuilder &n) {
  if (failed(n.expectInputs(2)) || failed(n.expectNumbers({0, 1})) ||
      failed(n.expectShape(1, n.shapeOf(n.operand(0)))))
    return failure();
  DataType type = n.dataType(0);
  if (!isFloat(type))
    return n.fail("expected floats, but got " + getTypeName(type));
  double alpha = n.getFloat("alpha", 1);
  Value result =
      n.elementwise({n.input(0), n.input(1)}, [&](ArrayRef<Value> v) -> Value {
        Floats f{n};
        Value gate = n.mul(v[0], f.sigmoid(n.mul(f.c(v[0], alpha), v[0])));
        return n.mul(gate, v[1]);
      });
  if (!result)
    return failure();
  return n.finish(n.narrow(result, type), type);
}

/// x + bias, then GELU by tanh; the bias has the last dimension.
LogicalResult buildFastGelu(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  DataType type = n.dataType(0);
  GraphValue x = n.widened(0);
  if (n.has(1)) {
    x.value = n.elementwise({x, n.widened(1)}, [&](ArrayRef<Value> v) {
      return n.add(v[0], v[1]);
    });
    if (!x)
      return failure();
  }
  return n.finish(n.narrow(Floats{n}.geluTanh(x.value), type), type);
}

LogicalResult buildDropout(NodeBuilder &n) {
  if (failed(n.expectInputs(1)))
    return failure();
  n.ignore("seed");
  n.ignore("ratio");
  n.ignoreInput(1); // the ratio
  if (n.has(2)) {
    auto training = n.getInteger(2, "training_mode");
    if (!training)
      return failure();
    if (*training)
      return n.fail("dropout in training draws random numbers: export the "
                    "graph for inference");
  }
  Value x = n.operand(0);
  n.setOutput(0, x, n.dataType(0));
  if (n.wants(1))
    n.setOutput(1, n.integer(typeOf(x).clone(n.b.getI1Type()), 1),
                TensorProto::BOOL);
  return success();
}

void addParameterised(OpTable &table) {
  addActivation(table, "Celu", [](const Floats &f, NodeBuilder &n, Value x) {
    double alpha = n.getFloat("alpha", 1);
    return f.elu(x, alpha, alpha);
  });
  addActivation(table, "Elu", [](const Floats &f, NodeBuilder &n, Value x) {
    return f.elu(x, n.getFloat("alpha", 1));
  });
  addActivation(table, "Selu", [](const Floats &f, NodeBuilder &n, Value x) {
    double alpha = n.getFloat("alpha", 1.67326319217681884765625);
    double gamma = n.getFloat("gamma", 1.05070102214813232421875);
    return n.mul(f.c(x, gamma), f.elu(x, alpha));
  });
  addActivation(table, "LeakyRelu",
                [](const Floats &f, NodeBuilder &n, Value x) {
                  Value below = n.mul(f.c(x, n.getFloat("alpha", 0.01)), x);
                  return n.select(f.isPositive(x), x, below);
                });
  addActivation(table, "ThresholdedRelu",
                [](const Floats &f, NodeBuilder &n, Value x) {
                  Value bound = f.c(x, n.getFloat("alpha", 1));
                  Value above = n.compare(arith::CmpFPredicate::OGT, x, bound);
                  return n.select(above, x, f.c(x, 0));
                });
  addActivation(table, "Shrink", [](const Floats &f, NodeBuilder &n, Value x) {
    double bias = n.getFloat("bias", 0), lambda = n.getFloat("lambd", 0.5);
    Value above = n.compare(arith::CmpFPredicate::OGT, x, f.c(x, lambda));
    Value below = n.compare(arith::CmpFPredicate::OLT, x, f.c(x, -lambda));
    Value rest = n.select(below, n.add(x, f.c(x, bias)), f.c(x, 0));
    return n.select(above, n.sub(x, f.c(x, bias)), rest);
  });
  addActivation(table, "HardSigmoid",
                [](const Floats &f, NodeBuilder &n, Value x) {
                  double alpha = n.getFloat("alpha", 0.2);
                  return f.hardSigmoid(x, alpha, n.getFloat("beta", 0.5));
                });
  addActivation(table, "Swish", [](const Floats &f, NodeBuilder &n, Value x) {
    Value inner = n.mul(f.c(x, n.getFloat("alpha", 1)), x);
    return n.mul(x, f.sigmoid(inner));
  });
}

} // namespace

void sterna::addActivationOps(OpTable &table) {
  table.add("Relu", buildRelu);
  table.add("PRelu", buildPRelu);
  table.add("Dropout", buildDropout);
  table.add("SwiGLU", buildSwiGLU);
  table.add("FastGelu", buildFastGelu, microsoftDomain);
  addParameterised(table);
  addActivation(table, "Sigmoid", [](const Floats &f, NodeBuilder &, Value x) {
    return f.sigmoid(x);
  });
  addActivation(table, "Softplus", [](const Floats &f, NodeBuilder &, Value x) {
    return f.softplus(x);
  });
  addActivation(table, "Softsign",
                [](const Floats &f, NodeBuilder &n, Value x) {
                  return n.div(x, n.add(f.c(x, 1), f.abs(x)));
                });
  addActivation(table, "HardSwish",
                [](const Floats &f, NodeBuilder &n, Value x) {
                  return n.mul(x, f.hardSigmoid(x, 1.0 / 6, 0.5));
                });
  addActivation(table, "Mish", [](const Floats &f, NodeBuilder &n, Value x) {
    return n.mul(x, f.tanh(f.softplus(x)));
  });
  addActivation(table, "Gelu", [](const Floats &f, NodeBuilder &n, Value x) {
    std::string kind = n.getString("approximate", "none");
    if (kind != "none" && kind != "tanh")
      (void)n.fail("expected an approximation by none or tanh, but got " +
                   kind);
    return kind == "tanh" ? f.geluTanh(x) : f.gelu(x);
  });
  addActivation(
      table, "Gelu",
      [](const Floats &f, NodeBuilder &, Value x) { return f.gelu(x); },
      microsoftDomain);
}
