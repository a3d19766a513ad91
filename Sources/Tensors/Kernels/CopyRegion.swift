extension Region {
  /// A region that copies its operand.
  package static func copy(_ type: Type) -> Region {
    let place = Index(terms: [IndexTerm(0, stride: 1)])
    return Region(
      resultTypes: [type], parallel: [type.elementCount],
      body: [
        .define(0, type.element, .load(Access(.operand(0), place))),
        .store(Access(.result(0), place), 0),
      ])
  }
}
