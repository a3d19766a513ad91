// swift-tools-version: 6.2
import PackageDescription

/// One module of the house: a folder of `Sources/` whose target carries the prefix `DeepEP`.
///
/// - Parameter embeds: files that become part of the program.
func module(_ name: String, imports: [String] = [], embeds: [String] = []) -> Target {
  .target(
    name: name == "DeepEP" ? name : "DeepEP" + name,
    dependencies: imports.map { .init(stringLiteral: "DeepEP" + $0) },
    path: "Sources/" + name,
    resources: embeds.map { .embedInCode($0) },
    swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
}

/// A thin C shim: the headers come from `.deepep/`, where set-up puts them; libraries by `dlopen`.
func shim(_ name: String, imports: [String] = []) -> Target {
  .target(
    name: "DeepEPSystem" + name,
    dependencies: imports.map { .init(stringLiteral: "DeepEP" + $0) },
    path: "Sources/System" + name,
    cSettings: [.headerSearchPath("../../.deepep/include")])
}

/// Loops in C, which the compiler can make for several processors at once.
func loops(_ name: String) -> Target {
  .target(name: "DeepEP" + name, path: "Sources/" + name)
}

func executable(_ name: String, imports: [String]) -> Target {
  .executableTarget(
    name: "DeepEP" + name,
    dependencies: imports.map { .init(stringLiteral: "DeepEP" + $0) },
    path: "Sources/" + name,
    swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
}

/// What several suites of tests share.
func support(_ name: String, imports: [String]) -> Target {
  .target(
    name: "DeepEP" + name,
    dependencies: imports.map { .init(stringLiteral: "DeepEP" + $0) },
    path: "Tests/" + name,
    swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
}

/// A program that tests start as a process of its own.
func testProgram(_ name: String, imports: [String]) -> Target {
  .executableTarget(
    name: "DeepEP" + name,
    dependencies: imports.map { .init(stringLiteral: "DeepEP" + $0) },
    path: "Tests/" + name,
    swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
}

func tests(_ name: String, imports: [String], exclude: [String] = []) -> Target {
  .testTarget(
    name: "DeepEP" + name + "Tests",
    dependencies: imports.map { .init(stringLiteral: "DeepEP" + $0) },
    path: "Tests/" + name,
    exclude: exclude,
    swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
}

let package = Package(
  name: "DeepEP",
  products: [
    .library(name: "DeepEP", targets: ["DeepEP"]),
    .executable(name: "deepep", targets: ["DeepEPCommand"]),
  ],
  targets: [
    module("Elements"),
    module("Events"),
    module("Tensors", imports: ["Elements"]),
    module("Targets", imports: ["Tensors", "Elements"]),
    module("Models", imports: ["Tensors", "Elements"]),
    module("Optimizers", imports: ["Tensors", "Elements"]),
    module("Transforms", imports: ["Tensors", "Targets", "Elements"]),
    module("Plans", imports: ["Transforms", "Tensors", "Targets", "Elements"]),
    module(
      "Compute",
      imports: [
        "Tensors", "Targets", "Elements", "Events", "SystemOneDNN", "SystemLLVM", "SystemOpenMP",
      ]),
    module(
      "Communication", imports: ["Elements", "Events", "VectorLoops", "SystemUCX", "SystemMPI"],
      embeds: ["Algorithms/Packaged/algorithms.json"]),
    module("Storage", imports: ["Elements", "Events"]),
    module(
      "Execution",
      imports: [
        "Plans", "Transforms", "Tensors", "Targets", "Elements", "Compute", "Communication",
        "Storage", "Events",
      ]),
    module("Profiling", imports: ["Events"]),
    module(
      "Training",
      imports: [
        "Profiling", "Execution", "Plans", "Transforms", "Models", "Optimizers", "Tensors",
        "Targets",
        "Elements", "Compute", "Communication", "Storage", "Events",
      ]),
    module(
      "DeepEP",
      imports: [
        "Training", "Compute", "Communication", "Models", "Optimizers", "Transforms", "Tensors",
        "Storage", "Elements",
      ]),
    executable(
      "Command",
      imports: [
        "Training", "Profiling", "Execution", "Plans", "Transforms", "Models", "Optimizers",
        "Tensors",
        "Targets", "Elements", "Compute", "Communication", "Storage", "Events",
      ]),
    .executableTarget(
      name: "TinyGPT", dependencies: ["DeepEP"], path: "Examples/TinyGPT",
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "Lessons", dependencies: ["DeepEP"], path: "Examples/Lessons",
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),
    loops("VectorLoops"),
    shim("Libraries"),
    shim("OneDNN", imports: ["SystemLibraries"]),
    shim("LLVM", imports: ["SystemLibraries"]),
    shim("OpenMP", imports: ["SystemLibraries"]),
    shim("UCX", imports: ["SystemLibraries"]),
    shim("MPI", imports: ["SystemLibraries"]),
    tests("House", imports: []),
    support("Laws", imports: ["Tensors", "Elements"]),
    tests("Tensors", imports: ["Tensors", "Models", "Elements", "Laws"], exclude: ["Fixtures"]),
    tests(
      "Transforms", imports: ["Transforms", "Models", "Targets", "Tensors", "Elements", "Laws"]),
    tests(
      "Execution",
      imports: [
        "Execution", "Plans", "Compute", "Transforms", "Targets", "Tensors", "Elements", "Laws",
      ]),
    tests("Compute", imports: ["Compute", "Tensors", "Elements"]),
    support("CommunicationLaws", imports: ["Communication", "Elements"]),
    support("CommunicationLinks", imports: ["Communication"]),
    testProgram(
      "CommunicationRank",
      imports: ["Communication", "CommunicationLaws", "CommunicationLinks", "Elements"]),
    tests(
      "Communication",
      imports: [
        "Communication", "CommunicationLaws", "CommunicationLinks", "Elements", "Events",
      ]),
    tests("Storage", imports: ["Storage", "Elements"], exclude: ["Fixtures"]),
    tests("Profiling", imports: ["Profiling", "Events"]),
    tests(
      "Command", imports: ["Command", "Training", "CommunicationLinks"],
      exclude: ["peaks.txt", "Scripts"]),
    tests(
      "Training",
      imports: [
        "Training", "Transforms", "Models", "Optimizers", "Tensors", "Targets", "Elements",
        "Compute", "Execution", "Storage", "Plans", "Laws", "Communication",
      ], exclude: ["Fixtures"]),
  ]
)
