import DeepEPModels
import DeepEPTraining

/// `deepep models`: the models that have a name.
struct Models {
  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "models", summary: "List the models that have a name, with their sizes.", defaults: Models(),
      parameters: [], examples: [""]
    ) { _ in try run(output: output) }
  }

  private static func run(output: TerminalOutput) throws {
    try output.write(
      row.text(["name", "family", "layers", "width", "heads", "context", "weights"]))
    for model in NamedModel.allCases {
      let sizes = model.configuration
      let numbers = [sizes.layers, sizes.width, sizes.heads, sizes.context, sizes.parameterCount]
      try output.write(
        row.text([model.rawValue, type(of: sizes).family] + numbers.map(String.init)))
    }
  }

  private static let row = TableRow(widths: [13, 8, 7, 7, 7, 8, 14], leftCount: 2)
}
