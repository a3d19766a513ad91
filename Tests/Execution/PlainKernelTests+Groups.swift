import DeepEPElements
import DeepEPTensors

extension PlainKernelTests {
  /// Segments, grouped products, and other representations of the same numbers.
  static let groups: [Case] =
    numbers.flatMap { (element: ElementType) in
      let x = values(element, [7, 3])
      return [
        Case("segmentReduce", x, indices(.int64, [7], below: 3)) { x in
          [
            x[0].segmentSum(x[1], count: 3), x[0].segmentLargest(x[1], count: 3),
            x[0].segmentSmallest(x[1], count: 2),
          ]
        },
        Case(
          "groupedDot", x, HostArray(.int32, [4], integers: [2, -1, 3, 1]),
          values(element, [4, 3, 5])
        ) { x in
          let product = x[0].groupedDot(x[2], sizes: x[1])
          return [product, x[0].apply(GroupedDotWeightGradient(), x[1], product)]
        },
        Case("transfer", x) { [$0[0].transferred(to: .host).transferred(to: .device)] },
        Case("relayout", x) {
          let blocked = Layout.opaque(name: "blocked", byteCount: 256)
          return [$0[0].relaid(as: blocked).relaid(as: .rowMajor)]
        },
      ]
    }
    + sizes.flatMap { (size: Int) in
      let rows = HostArray(.int32, [3], integers: [Int64(size / 2), 0, Int64(size / 3)])
      return [
        Case("segmentReduce", values(.float32, [size, 2]), indices(.int32, [size], below: 5)) {
          [$0[0].segmentSum($0[1], count: 5)]
        },
        Case("groupedDot", values(.float32, [size, 7]), rows, values(.float32, [3, 7, 65])) {
          [$0[0].groupedDot($0[2], sizes: $0[1])]
        },
      ]
    }

  /// Numbers in fewer bits.
  static let representations: [Case] =
    [ElementType.int8, .float8e4m3, .float8e5m2].flatMap { (element: ElementType) in
      floats.flatMap { (source: ElementType) in
        sizes.map { (size: Int) in
          Case("quantize \(element)", values(source, [3, size])) { x in
            let (elements, scales) = x[0].quantized(to: element, block: 8)
            return [elements.dequantized(scales: scales, block: 8, as: source), elements, scales]
          }
        }
      }
    }
    + sizes.map { (size: Int) in
      Case("bits", values(.bool, [2, size])) {
        [$0[0].packedBits(), $0[0].packedBits().unpackedBits(size)]
      }
    }
    + [
      (ElementType.float64, ElementType.int64), (.float32, .uint32), (.float32, .int32),
      (.float16, .uint16), (.bfloat16, .int16), (.int8, .uint8), (.uint64, .int64),
    ].map { (source: ElementType, target: ElementType) in
      Case("bitcast", values(source, [7, 9])) {
        [$0[0].bitcast(to: target).bitcast(to: source), $0[0].bitcast(to: target)]
      }
    }
}
