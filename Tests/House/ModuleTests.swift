import Testing

/// The house stands as its table says: `Package.swift` and every import line agree with it.
@Suite struct ModuleTests {
  private func manifest() throws -> Manifest { try Manifest(SourceTree.text("Package.swift")) }

  private func shortName(_ module: String) -> String {
    module.hasPrefix("DeepEP") && module != "DeepEP" ? String(module.dropFirst(6)) : module
  }

  @Test func theTableNamesEveryModuleOnce() {
    let names = ModuleTable.rows.map(\.name)
    #expect(Set(names).count == names.count)
    for row in ModuleTable.rows {
      #expect(ModuleTable.allowed(row.name).isSubset(of: names), "\(row.name)")
    }
  }

  @Test func importsOfTheTablePointDownwards() {
    for (index, row) in ModuleTable.rows.enumerated() {
      let below = Set(ModuleTable.rows[..<index].map(\.name))
      #expect(ModuleTable.allowed(row.name).isSubset(of: below), "\(row.name)")
    }
    #expect(ImportGraph(imports: ModuleTable.imports).cyclic == [])
  }

  @Test func theTargetsDeclareWhatTheTableSays() throws {
    let modules = try manifest().modules
    let existing = Set(modules.map(\.name))
    #expect(existing.count == modules.count, "a target is declared twice")
    for module in modules {
      let row = try #require(
        ModuleTable.rows.first { $0.name == module.name }, "\(module.name) is not in the table")
      let allowed = ModuleTable.allowed(row.name).intersection(existing)
      if row.imports == .allAbove {
        #expect(module.imports.isSubset(of: allowed), "\(module.name)")
      } else {
        #expect(module.imports == allowed, "\(module.name)")
      }
    }
  }

  @Test func everyFolderIsATarget() throws {
    let manifest = try manifest()
    #expect(try SourceTree.folders(in: "Sources") == Set(manifest.modules.map(\.name)))
    #expect(try SourceTree.folders(in: "Tests") == Set(manifest.tests.map(\.name)))
  }

  /// SwiftPM lets a target import what it did not declare, as long as something else built it.
  @Test func filesImportWhatTheirTargetsDeclare() throws {
    let declared = try manifest().graph.imports
    for file in try SourceTree.swiftFiles(in: "Sources") {
      let allowed = declared[file.target, default: []]
      for (line, module) in file.imports where !ModuleTable.system.contains(module) {
        #expect(
          allowed.contains(shortName(module)) && module.hasPrefix("DeepEP"),
          "\(file.path):\(line): \(file.target) may not import \(module)")
      }
    }
  }

  @Test func testsImportWhatTheirTargetsDeclare() throws {
    let declared = Dictionary(
      uniqueKeysWithValues: try manifest().tests.map { ($0.name, $0.imports) })
    for file in try SourceTree.swiftFiles(in: "Tests") {
      for (line, module) in file.imports where module.hasPrefix("DeepEP") {
        #expect(
          declared[file.target, default: []].contains(shortName(module)),
          "\(file.path):\(line): the tests of \(file.target) may not import \(module)")
      }
    }
  }

  /// Examples show what users write, so they see what users see.
  @Test func examplesImportTheUmbrellaOnly() throws {
    let examples = try manifest().examples
    for example in examples { #expect(example.imports == ["DeepEP"], "\(example.name)") }
    guard !examples.isEmpty else { return }
    for file in try SourceTree.swiftFiles(in: "Examples") {
      let others = file.imports.map(\.module).filter { $0 != "DeepEP" }
      #expect(ModuleTable.system.isSuperset(of: others), "\(file.path)")
    }
  }

  @Test func computeCommunicationAndStorageCannotReachOneAnother() throws {
    let modules = ModuleTable.independent
    #expect(ImportGraph(imports: ModuleTable.imports).connections(among: modules) == [])
    #expect(try manifest().graph.connections(among: modules) == [])
  }

  @Test func thePackageHasNoCycle() throws {
    #expect(try manifest().graph.cyclic == [])
  }

  @Test func onlyComputeCommunicationAndShimsImportShims() throws {
    let users = ["Compute", "Communication"]
    for module in try manifest().modules where !users.contains(module.name) {
      let shims = module.imports.filter(ModuleTable.isShim)
      #expect(shims.isEmpty || ModuleTable.isShim(module.name), "\(module.name) imports \(shims)")
    }
  }
}
