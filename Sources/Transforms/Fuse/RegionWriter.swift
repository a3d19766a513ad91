import DeepEPElements
import DeepEPTensors

/// Writes the statements of one region by pulling values: asked for an element of a value, it writes
/// what computes that element in the outermost loop in which it is known.
struct RegionWriter {
  let graph: Graph
  let roles: Roles
  let members: Set<Int>
  /// The values in memory that the region reads.
  private(set) var operands: [Value] = []
  private(set) var scratch: [Scratch] = []
  private var scopes: [Scope]
  private var registerCount = 0
  private(set) var variableCount: Int

  /// A loop body that is being written.
  private struct Scope {
    var variables: Set<LoopVariable>
    var statements: [Statement] = []
    var known: [Element: Register] = [:]
  }

  /// One element of a value.
  private struct Element: Hashable {
    let value: Value
    let index: [Affine]
  }

  init(_ graph: Graph, _ roles: Roles, members: [Int], parallel: Int) {
    self.graph = graph
    self.roles = roles
    self.members = Set(members)
    variableCount = parallel
    scopes = [Scope(variables: Set(0..<parallel))]
  }

  // MARK: Loops

  /// New loop variables.
  mutating func variables(_ count: Int) -> [LoopVariable] {
    defer { variableCount += count }
    return Array(variableCount..<variableCount + count)
  }

  /// Writes a nest of serial loops; the body writes what the innermost does and returns the
  /// accumulators.
  mutating func loop(
    _ variables: [LoopVariable], _ extents: [Int],
    _ body: (inout RegionWriter) -> [Accumulator]
  ) {
    guard let outermost = variables.first else { return _ = body(&self) }
    scopes.append(
      Scope(variables: scopes[scopes.count - 1].variables.union(variables)))
    let accumulators = body(&self)
    var statements = scopes.removeLast().statements
    for (variable, extent) in zip(variables, extents).reversed() {
      let own = variable == outermost ? accumulators : []
      statements = [
        .loop(Loop(variable, extent: extent, accumulators: own, body: statements))
      ]
    }
    scopes[scopes.count - 1].statements += statements
  }

  /// The statements that were written outside all loops.
  var body: [Statement] { scopes[0].statements }

  mutating func newRegister() -> Register {
    defer { registerCount += 1 }
    return registerCount
  }

  /// Appends a statement to the innermost loop.
  mutating func append(_ statement: Statement) {
    scopes[scopes.count - 1].statements.append(statement)
  }

  /// Defines a register in the innermost loop.
  mutating func define(_ element: ElementType, _ expression: Expression) -> Register {
    define(element, expression, depth: scopes.count - 1)
  }

  private mutating func define(
    _ element: ElementType, _ expression: Expression, depth: Int
  ) -> Register {
    let register = registerCount
    registerCount += 1
    scopes[depth].statements.append(.define(register, element, expression))
    return register
  }

  /// Makes a scratch buffer.
  mutating func newScratch(_ element: ElementType, count: Int) -> Buffer {
    scratch.append(Scratch(element, count: count))
    return .scratch(scratch.count - 1)
  }

  /// Notes that a register of the innermost loop holds an element of a value.
  mutating func remember(_ value: Value, _ index: [Affine], _ register: Register) {
    scopes[scopes.count - 1].known[element(value, index)] = register
  }

  /// An element by its one name: along a dimension of size one every index is zero.
  private func element(_ value: Value, _ index: [Affine]) -> Element {
    let shape = graph.type(of: value).shape
    return Element(value: value, index: zip(index, shape).map { $1 == 1 ? Affine() : $0 })
  }

  // MARK: Elements

  /// The outermost loop in which all variables of an index are known.
  private func depth(_ index: [Affine]) -> Int {
    let variables = index.reduce(into: Set<LoopVariable>()) { $0.formUnion($1.variables) }
    return scopes.firstIndex { $0.variables.isSuperset(of: variables) } ?? scopes.count - 1
  }

  /// The register that holds an element of a value.
  mutating func pull(_ value: Value, _ index: [Affine]) -> Register {
    let element = element(value, index)
    if let known = scopes.lazy.compactMap({ $0.known[element] }).first { return known }
    let depth = depth(element.index)
    let register = compute(value, element.index, depth)
    scopes[depth].known[element] = register
    return register
  }

  private mutating func compute(_ value: Value, _ index: [Affine], _ depth: Int) -> Register {
    let node = graph.nodes[value.node]
    if members.contains(value.node) { return computeMember(value.node, index, depth) }
    if roles[value.node] == .movement { return move(node, index, depth) }
    let strides = rowMajorStrides(graph.type(of: value).shape)
    return load(value, Affine.position(index, strides).index, depth)
  }

  private mutating func load(_ value: Value, _ index: Index, _ depth: Int) -> Register {
    let operand = operands.firstIndex(of: value) ?? operands.count
    if operand == operands.count { operands.append(value) }
    return define(
      graph.type(of: value).element, .load(Access(.operand(operand), index)), depth: depth)
  }

  private mutating func move(_ node: Node, _ index: [Affine], _ depth: Int) -> Register {
    let element = node.types[0].element
    switch node.operation {
    case let constant as Constant:
      return define(element, .constant(constant.splat ?? 0), depth: depth)
    case let iota as Iota: return number(element, index[iota.dimension].index, depth)
    case let reshape as Reshape: return pull(reshape, node.operands[0], index, depth)
    case let transpose as Transpose:
      return pull(node.operands[0], transpose.inverse.map { index[$0] })
    case let slice as Slice:
      return pull(node.operands[0], zip(index, slice.starts).map { $0 + Affine($1) })
    case let broadcast as Broadcast:
      let sizes = graph.type(of: node.operands[0]).shape
      // A dimension of one that stays one keeps its index, by which known elements are found.
      let source = zip(broadcast.dimensions, sizes).map {
        $1 == broadcast.shape[$0] ? index[$0] : Affine()
      }
      return pull(node.operands[0], source)
    default: return define(element, .constant(0), depth: depth)
    }
  }

  /// An index as a number; kernels count in integers.
  private mutating func number(
    _ element: ElementType, _ index: Index, _ depth: Int
  ) -> Register {
    guard element.isFloatingPoint || element == .bool else {
      return define(element, .index(index), depth: depth)
    }
    let register = define(.int64, .index(index), depth: depth)
    return define(element, .convert(register), depth: depth)
  }

  private mutating func pull(
    _ reshape: Reshape, _ operand: Value, _ index: [Affine], _ depth: Int
  ) -> Register {
    let shape = graph.type(of: operand).shape
    if let source = reshape.operandIndex(index, from: shape) { return pull(operand, source) }
    // Not affine by dimension, so the operand is in memory, where only the position counts.
    return load(operand, Affine.position(index, rowMajorStrides(reshape.shape)).index, depth)
  }

  private mutating func computeMember(
    _ member: Int, _ index: [Affine], _ depth: Int
  ) -> Register {
    let node = graph.nodes[member]
    let element = node.types[0].element
    switch node.operation {
    case is Gather: return loadRow(node, index, depth)
    case let slice as DynamicSlice: return load(slice, node, index, depth)
    case is Random:
      let (key, number) = (pull(node.operands[0], []), pull(node.operands[1], index))
      return define(element, .random(key: key, number: number), depth: depth)
    default: break
    }
    if roles[member] == .copy { return move(node, index, depth) }
    precondition(roles[member] != .reduction, "a reduction is whole before its users are written")
    let sources = node.operands.map { pull($0, index) }
    return define(element, scalarExpression(node.operation, sources), depth: depth)
  }

  private func scalarExpression(_ operation: any Operation, _ sources: [Register]) -> Expression {
    switch operation {
    case let unary as Unary: .unary(unary.function, sources[0])
    case let binary as Binary: .binary(binary.function, sources[0], sources[1])
    case let compare as Compare: .compare(compare.comparison, sources[0], sources[1])
    case is Select: .select(sources[0], sources[1], sources[2])
    default: .convert(sources[0])
    }
  }

  private mutating func loadRow(_ node: Node, _ index: [Affine], _ depth: Int) -> Register {
    let (table, indices) = (graph.type(of: node.operands[0]), graph.type(of: node.operands[1]))
    let row = pull(node.operands[1], Array(index.prefix(indices.rank)))
    let strides = rowMajorStrides(table.shape)
    let columns = Array(index.dropFirst(indices.rank))
    var place = Affine.position(columns, Array(strides.dropFirst())).index
    place.gathers = [GatherTerm(row, limit: table.shape[0], stride: strides[0])]
    return load(node.operands[0], place, depth)
  }

  private mutating func load(
    _ slice: DynamicSlice, _ node: Node, _ index: [Affine], _ depth: Int
  ) -> Register {
    let shape = graph.type(of: node.operands[0]).shape
    var place = Affine.position(index, rowMajorStrides(shape)).index
    place.gathers = startTerms(
      node.operands.dropFirst(), along: slice.dimensions, of: node.types[0].shape, in: shape)
    return load(node.operands[0], place, depth)
  }

  /// Where a box begins within a larger tensor: starts are clamped so that it lies inside.
  mutating func startTerms(
    _ starts: ArraySlice<Value>, along dimensions: [Int], of box: [Int], in shape: [Int]
  ) -> [GatherTerm] {
    let strides = rowMajorStrides(shape)
    return zip(starts, dimensions).map { start, dimension in
      GatherTerm(
        pull(start, []), limit: shape[dimension] - box[dimension] + 1, stride: strides[dimension])
    }
  }
}
