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
    try output.write(row(["name", "family", "layers", "width", "heads", "context", "weights"]))
    for model in NamedModel.allCases {
      let sizes = model.configuration
      let numbers = [sizes.layers, sizes.width, sizes.heads, sizes.context, sizes.parameterCount]
      try output.write(
        row([model.rawValue, type(of: sizes).family] + numbers.map(String.init)))
    }
  }

  private static func row(_ cells: [String]) -> String {
    let widths = [14, 8, 8, 8, 8, 9, 15]
    let padded = zip(cells, widths).enumerated().map { column, cell in
      let space = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
      return column < 2 ? cell.0 + space : space + cell.0
    }
    return padded.joined() + "\n"
  }
}
