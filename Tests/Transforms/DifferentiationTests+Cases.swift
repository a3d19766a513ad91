import DeepEPElements
import DeepEPTensors

extension DifferentiationTests {
  /// Every differentiable operation and composite.
  static let cases =
    functions + movements + contractions + composites + indexing
    + bounded + ordering + windows + groups

  static func integers(_ like: Tensor, _ numbers: [Double], _ shape: [Int]) -> Tensor {
    like.trace.apply(Constant(type: Type(.int32, shape), numbers: numbers), [])[0]
  }

  private static let functions: [Case] =
    UnaryFunction.allCases.filter { $0 != .not }.map { function in
      Case("\(function)", [2, 3]) { [$0[0].unary(function)] }
    }
    + [.add, .subtract, .multiply, .divide, .power, .maximum, .minimum, .remainder].map {
      (function: BinaryFunction) in
      Case("\(function)", [2, 3], [2, 3]) { [$0[0].binary(function, $0[1] * 0.9 + 0.04)] }
    }
    + Reduction.allCases.flatMap { reduction in
      [[0], [1], [2], [0, 2], [0, 1, 2]].map { (dimensions: [Int]) in
        Case("\(reduction) \(dimensions)", [2, 3, 2]) { [$0[0].reduced(reduction, dimensions)] }
      }
    }
    + [
      Case("a value used twice", [2, 3]) { [$0[0] * $0[0] + $0[0].exponential()] },
      // One of the numbers that the law puts there, so that a factor is zero, or two are.
      Case("product with a zero", [4]) { [($0[0] - (0.2 + (1 + 0.3) / 4)).reduced(.product, [0])] },
      Case("product with two zeros", [4]) { x in
        let y = (x[0] - (0.2 + (1 + 0.3) / 4)).reshaped([2, 2])
        return [Tensor.concatenated([y, y], along: 1).reduced(.product, [0, 1])]
      },
      Case("select", [2, 3], [2, 3]) { x in
        let half = x[0].filled(with: 0.7)
        return [x[0].compare(.less, half).select(x[0] * 2, x[1] * x[0])]
      },
      Case("broadcast from the right", [2, 3], [3]) { [$0[0] * $0[1]] },
      Case("broadcast of ones", [2, 1, 3], [4, 1]) { [$0[0] / $0[1]] },
      Case("a number", []) { [($0[0] * $0[0]).broadcast(to: [3])] },
    ]

  private static let movements: [Case] = [
    Case("reshape", [2, 6]) { [$0[0].reshaped([3, 2, 2]).hyperbolicTangent()] },
    Case("transpose", [2, 3, 4]) { [$0[0].transposed([2, 0, 1])] },
    Case("broadcast in the middle", [2, 3]) {
      [$0[0].broadcast(to: [2, 4, 3], dimensions: [0, 2])]
    },
    Case("slice", [3, 4]) { [$0[0].sliced([1, 1], sizes: [2, 2])] },
    Case("split", [2, 6]) { $0[0].split(3) },
    Case("pad", [2, 2]) { [$0[0].padded([1, 0], in: [4, 3])] },
    Case("concatenate", [2, 3], [1, 3]) { [Tensor.concatenated([$0[0], $0[1], $0[0]], along: 0)] },
    Case("gather", [4, 2]) { [$0[0].gather(integers($0[0], [3, 0, 3, -1, 9, 1], [2, 3]))] },
    Case("scatterAdd", [4, 2], [3, 2]) {
      [$0[0].scatterAdd(integers($0[0], [3, 0, 3], [3]), $0[1])]
    },
  ]

  private static let contractions: [Case] = [
    Case("dot ab,bc->ac", [2, 3], [3, 4]) { [$0[0].einsum("ab,bc->ac", $0[1])] },
    Case("dot ab,cb->ca", [2, 3], [4, 3]) { [$0[0].einsum("ab,cb->ca", $0[1])] },
    Case("dot abc,acd->abd", [2, 2, 3], [2, 3, 2]) { [$0[0].einsum("abc,acd->abd", $0[1])] },
    Case("dot bthd,bshd->bhts", [1, 2, 2, 2], [1, 3, 2, 2]) {
      [$0[0].einsum("bthd,bshd->bhts", $0[1])]
    },
    Case("dot a,b->ab", [3], [2]) { [$0[0].einsum("a,b->ab", $0[1])] },
    Case("dot ab,ab->", [2, 3], [2, 3]) { [$0[0].einsum("ab,ab->", $0[1])] },
    Case("dot of a value with itself", [3, 2]) { [$0[0].einsum("ab,cb->ac", $0[0])] },
    Case("matmul", [2, 2, 3], [4, 3]) { x in [x[0].matmul(x[1], transposingRight: true)] },
  ]

  private static let composites: [Case] = [
    Case("softmax", [2, 3]) { [$0[0].softmax()] },
    Case("gelu", [2, 3]) { [($0[0] - 0.5).gelu()] },
    Case("layerNorm", [2, 3, 4], [4], [4]) { x in [x[0].layerNorm(weight: x[1], bias: x[2])] },
    Case("rmsNorm", [2, 3, 4], [4]) { x in [x[0].rmsNorm(weight: x[1])] },
    Case("silu", [2, 3]) { [($0[0] - 0.5).silu()] },
    Case("rotary", [2, 3, 2, 4]) { [$0[0].rotary(base: 7)] },
    Case("rotary of given positions, and back", [1, 3, 1, 6]) { x in
      let turned = x[0].rotary(at: integers(x[0], [4, 0, 9], [3])).hyperbolicTangent()
      return [turned.apply(Rotary(base: 3, isInverse: true), integers(turned, [1, 2, 3], [3]))]
    },
    Case("batchNorm", [4, 3], [3], [3]) { x in
      [x[0].batchNorm(weight: x[1], bias: x[2], dimension: 1, epsilon: 1e-5).normal]
    },
    Case("batchNorm of images", [2, 2, 3, 2], [2], [2]) { x in
      [x[0].batchNorm(weight: x[1], bias: x[2], dimension: 1, epsilon: 1e-3).normal]
    },
    Case("statistics of batchNorm", [4, 3], [3], [3]) { x in
      let all = x[0].batchNorm(weight: x[1], bias: x[2], dimension: 1, epsilon: 1e-5)
      return [all.normal, all.mean * all.mean, all.variance.logarithm()]
    },
    Case("batchNorm of groups", [4, 3, 2], [3], [3]) { x in
      let all = x[0].batchNorm(weight: x[1], bias: x[2], dimension: 1, epsilon: 1e-3, groups: 2)
      return [all.normal, all.mean * all.mean, all.variance.logarithm()]
    },
    Case("dropout", [5, 7]) { x in
      let scalar = { (number: Double, type: Type) in
        x[0].trace.apply(Constant(type: type, numbers: [number]), [])[0]
      }
      let (key, first) = (scalar(9, Type(.uint64, [])), scalar(35, Type(.int64, [])))
      return [x[0].apply(DropoutMask(rate: 0.4), key, first) * x[0]]
    },
    Case("crossEntropy", [2, 2, 3]) {
      [$0[0].crossEntropy(labels: integers($0[0], [0, 2, 1, 1], [2, 2]))]
    },
    Case("attention", [2, 3, 2, 2], [2, 4, 2, 2], [2, 4, 2, 2]) { x in
      [x[0].attention(key: x[1], value: x[2], isCausal: false)]
    },
    Case("causal attention", [1, 4, 2, 3], [1, 4, 2, 3], [1, 4, 2, 3]) { x in
      [x[0].attention(key: x[1], value: x[2], isCausal: true)]
    },
    Case("attention of one value", [2, 3, 1, 2]) { x in
      [x[0].attention(key: x[0], value: x[0], isCausal: true, scale: 0.3)]
    },
    Case("attention in windows", [1, 5, 2, 3], [1, 5, 2, 3], [1, 5, 2, 3]) { x in
      [x[0].attention(key: x[1], value: x[2], mask: .window(length: 2))]
    },
    Case("attention in segments", [2, 4, 1, 2], [2, 4, 1, 2], [2, 4, 1, 2]) { x in
      let segments = integers(x[0], [1, 1, 0, 0, 3, 7, 7, 3], [2, 4])
      return [x[0].attention(key: x[1], value: x[2], mask: .none, segments: segments)]
    },
    Case("composites in a row", [2, 4], [4], [4]) { x in
      [x[0].layerNorm(weight: x[1], bias: x[2]).gelu().softmax()]
    },
  ]
}
