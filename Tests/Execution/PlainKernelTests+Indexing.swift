import DeepEPElements
import DeepEPTensors

extension PlainKernelTests {
  /// Dynamic boxes.
  static let indexing: [Case] =
    numbers.flatMap { (element: ElementType) in
      [ElementType.int32, .int64].flatMap { (index: ElementType) in
        [
          Case(
            "dynamicSlice", values(element, [5, 3, 7]), HostArray(index, [], integers: [2]),
            HostArray(index, [], integers: [9])
          ) { [$0[0].dynamicSliced(at: [$0[1], $0[2]], sizes: [2, 4], along: [0, 2])] },
          Case(
            "dynamicUpdateSlice", values(element, [5, 3, 7]), values(element, [2, 3, 7], seed: 3),
            HostArray(index, [], integers: [-1])
          ) { [$0[0].replacing($0[1], at: [$0[2]], along: [0])] },
        ]
      }
    }
    + sizes.map { (size: Int) in
      Case(
        "dynamicSlice", values(.float32, [size, size]),
        HostArray(.int32, [], integers: [Int64(size / 2)])
      ) { [$0[0].dynamicSliced(at: [$0[1]], sizes: [(size + 1) / 2], along: [1])] }
    }
    + [
      Case(
        "updates of a reshape", values(.float32, [6, 4]), HostArray(.int32, [], integers: [1])
      ) { x in
        let cache = x[0].reshaped([3, 2, 4])
        let box = cache.sliced([0, 1, 0], sizes: [1, 1, 4])
        return [cache.replacing(box, at: [x[1], x[1]], along: [0, 1])]
      }
    ]
}
