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
func shim(_ name: String) -> Target {
  .target(
    name: "DeepEPSystem" + name,
    path: "Sources/System" + name,
    cSettings: [.headerSearchPath("../../.deepep/include")])
}

func executable(_ name: String, imports: [String]) -> Target {
  .executableTarget(
    name: "DeepEP" + name,
    dependencies: imports.map { .init(stringLiteral: "DeepEP" + $0) },
    path: "Sources/" + name,
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
    .executable(name: "deepep", targets: ["DeepEPCommand"])
  ],
  targets: [
    module("Elements"),
    module("Events"),
    module("Tensors", imports: ["Elements"]),
    module("Targets", imports: ["Tensors", "Elements"]),
    module("Models", imports: ["Tensors", "Elements"]),
    module("Optimizers", imports: ["Tensors", "Elements"]),
    module("Transforms", imports: ["Tensors", "Targets", "Elements"]),
    module("Storage", imports: ["Elements", "Events"]),
    executable("Command", imports: ["Storage", "Events"]),
    tests("Transforms", imports: ["Transforms", "Models", "Tensors", "Elements"]),
    tests("Storage", imports: ["Storage", "Elements"], exclude: ["Fixtures"]),
    tests("Command", imports: ["Command"]),
  ]
)
