import DeepEPTraining
import DeepEPEvents
import DeepEPStorage

/// `deepep baseline`: what a model of counts reaches on a text.
struct Baseline {
  var text = ""
  var order = 5

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "baseline", summary: "Say what an n-gram model reaches on the last 5 % of a text.",
      defaults: Baseline(),
      parameters: [
        .positional("text", \.text, .path, "a text file in UTF-8"),
        .option("order", \.order, .positiveInteger, "characters of the longest n-gram"),
      ],
      examples: ["kingjames.txt", "kingjames.txt --order 6"]
    ) { options in try options.run(output: output) }
  }

  func run(output: TerminalOutput) throws {
    let start = Clock.seconds
    let loader = try TextLoader(text, sequenceLength: 1, batchSize: 1)
    let read = Clock.seconds
    let model = try NGramModel(
      ArraySlice(loader.trainingTokens), vocabularySize: loader.vocabularySize, order: order)
    let loss = model.crossEntropyNats(ArraySlice(loader.validationTokens))
    let seconds = Clock.seconds
    try output.write(
      "an order-\(order) n-gram has \(Quantity.fixed(loss, 3)) nats a character on "
        + "\(loader.validationTokens.count) held-out characters "
        + "(read \(Quantity.fixed(read - start, 2)) s, model \(Quantity.fixed(seconds - read, 2)) s)\n"
    )
  }
}
