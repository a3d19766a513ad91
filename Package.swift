// swift-tools-version: 6.2
import PackageDescription

/// One module of the house: a folder of `Sources/` whose target carries the prefix `DeepEP`.
func module(_ name: String, imports: [String] = []) -> Target {
  .target(
    name: "DeepEP" + name,
    dependencies: imports.map { .init(stringLiteral: "DeepEP" + $0) },
    path: "Sources/" + name,
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

func tests(_ name: String, imports: [String]) -> Target {
  .testTarget(
    name: "DeepEP" + name + "Tests",
    dependencies: imports.map { .init(stringLiteral: "DeepEP" + $0) },
    path: "Tests/" + name,
    swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
}

let package = Package(
  name: "DeepEP",
  targets: [
    module("Elements"),
    module("Events"),
    module("Tensors", imports: ["Elements"]),
    module("Targets", imports: ["Tensors", "Elements"]),
    module(
      "Compute",
      imports: [
        "Tensors", "Targets", "Elements", "Events", "SystemOneDNN", "SystemLLVM", "SystemOpenMP",
      ]),
    shim("Libraries"),
    shim("OneDNN", imports: ["SystemLibraries"]),
    shim("LLVM", imports: ["SystemLibraries"]),
    shim("OpenMP", imports: ["SystemLibraries"]),
    tests("Compute", imports: ["Compute", "Tensors", "Elements"]),
  ]
)
