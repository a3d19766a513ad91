/// Which module imports which.
struct ImportGraph {
  let imports: [String: Set<String>]

  /// Everything that a module can reach over any number of imports; itself only through a cycle.
  func reachable(from module: String) -> Set<String> {
    var found: Set<String> = []
    var pending = Array(imports[module, default: []])
    while let next = pending.popLast() {
      if found.insert(next).inserted { pending += imports[next, default: []] }
    }
    return found
  }

  /// The modules that reach themselves.
  var cyclic: [String] {
    imports.keys.filter { reachable(from: $0).contains($0) }.sorted()
  }

  /// Pairs of the given modules of which the first reaches the second, in words.
  func connections(among modules: [String]) -> [String] {
    modules.flatMap { from in
      reachable(from: from).intersection(modules).subtracting([from]).sorted().map {
        "\(from) reaches \($0)"
      }
    }
  }
}
