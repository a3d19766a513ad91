import DeepEPCompute
import DeepEPElements
import DeepEPTensors
import Testing

/// Products of tiles in pairs of bfloat16 numbers, with instructions for them and without, against the
/// interpreter of regions.
@Suite struct TileTests {
  private let rows = 7
  private let pairs = 9
  private let columns = 37

  private func region(depth: Extent) -> Region {
    let dot = TileDot(
      target: Tile(.result(0), Index(), rowStride: columns),
      left: Tile(.operand(0), Index(), rowStride: 2 * pairs, columnStride: 2),
      right: Tile(.operand(1), Index(), rowStride: 2 * columns, columnStride: 2),
      rows: Extent(rows), depth: depth, columns: columns, accumulates: false, isPaired: true)
    return Region(
      resultTypes: [Type(.float32, [rows, columns])], parallel: [1], scratch: [],
      body: [.tileDot(dot)])
  }

  @Test(arguments: [nil, VectorLimit.avx2, .avx512]) func pairsAreTheInterpreters(
    _ limit: VectorLimit?
  ) throws {
    let compiler = try KernelCompiler(
      pool: ThreadPool(threadCount: 1), library: KernelLibrary(vectorLimit: limit))
    if limit != nil { #expect(!compiler.hasPairedProducts) }
    let operands = [[rows, 2 * pairs], [2 * pairs, columns]].map { shape in
      let count = shape[0] * shape[1]
      return HostArray(.bfloat16, shape, (0..<count).map { Double($0 * 37 % 101 - 50) / 64 })
    }
    for depth in [Extent(pairs), Extent(pairs, bound: Index(offset: 4))] {
      let region = region(depth: depth)
      let expected = region.evaluate(operands, types: region.resultTypes)[0]
      let function = try compiler.compile(region, operandTypes: operands.map(\.type))
      let found = Numbers(.float32, Array(repeating: 0, count: rows * columns))
      let memory = operands.map { operand in
        Numbers(.bfloat16, (0..<operand.type.elementCount).map { operand[$0].double })
      }
      withExtendedLifetime(memory) {
        function((memory + [found]).map { Optional($0.memory) }, 0, 1)
      }
      for place in 0..<rows * columns {
        #expect(abs(found.get(place) - expected[place].double) < 1e-5)
      }
    }
  }
}

/// Transposes of tiles, whole squares of vectors and what is left beside them, against the interpreter.
@Suite struct TileTransposeTests {
  @Test(arguments: [ElementType.float64, .float32, .bfloat16, .float16], [false, true])
  func rowsBecomeColumns(_ element: ElementType, _ isPaired: Bool) throws {
    guard !isPaired || element.byteCount == 2 else { return }
    let compiler = try KernelCompiler(pool: ThreadPool(threadCount: 1))
    let group = isPaired ? 2 : 1
    for (rows, columns) in [(1, 1), (7, 9), (32, 64), (16, 37), (65, 33)] {
      let transpose = TileTranspose(
        target: Tile(.result(0), Index(), rowStride: rows * group, columnStride: group),
        source: Tile(.operand(0), Index(), rowStride: columns * group, columnStride: group),
        rows: rows, columns: columns, isPaired: isPaired)
      let type = Type(element, [rows * columns * group])
      let region = Region(
        resultTypes: [type], parallel: [1], scratch: [], body: [.transpose(transpose)])
      let numbers = (0..<type.elementCount).map { Double($0 % 251) }
      let function = try compiler.compile(region, operandTypes: [type])
      let (source, found) = (Numbers(element, numbers), Numbers(element, numbers.map { _ in 0 }))
      withExtendedLifetime(source) { function([source.memory, found.memory], 0, 1) }
      let expected = region.evaluate([HostArray(element, type.shape, numbers)], types: [type])[0]
      #expect(found.values == (0..<type.elementCount).map { expected[$0].double })
    }
  }
}
