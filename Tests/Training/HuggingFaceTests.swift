import DeepEPCompute
import DeepEPElements
import DeepEPModels
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Foundation
import Testing

/// Models go from `transformers` to DeepEP and back; `Fixtures/make_huggingface.py` wrote the folders by that package.
@Suite struct HuggingFaceTests {
  private struct Expected: Decodable {
    var ids: [[Int64]]
    var logits: [[[Double]]]
    var loss: Double

    init(_ folder: HuggingFaceFolder) throws {
      let url = URL(fileURLWithPath: folder.path).appendingPathComponent("expected.json")
      self = try JSONDecoder().decode(Expected.self, from: Data(contentsOf: url))
    }
  }

  private static let names = ["gpt2", "llama", "llama-tied", "llama3", "mistral"]

  private static func fixture(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/huggingface/\(name)").path
  }

  private static func model(_ folder: HuggingFaceFolder) throws -> any LanguageModel {
    try folder.languageModel().model()
  }

  /// In float64 on the interpreter, from the weights of the files.
  @Test(arguments: names) func logitsAreThoseOfTransformers(_ name: String) throws {
    let folder = try HuggingFaceFolder(Self.fixture(name))
    let (expected, model) = (try Expected(folder), try Self.model(folder))
    let shape = [expected.ids.count, expected.ids[0].count]
    var program = Program()
    try program.trace(
      .evaluate, inputs: [EntryInput(name: "ids", type: Type(.int32, shape))],
      parameters: model.parameters
    ) { [("logits", model($0[0]))] }
    let weights = try program.slots.map { slot in
      try #require(folder.tensor(ofParameter: slot.name)).withFloats {
        HostArray(.float32, slot.type.shape, bytes: $0)
      }
    }
    var interpreter = try Interpreter(program, slots: weights)
    let ids = HostArray(.int32, shape, integers: expected.ids.flatMap { $0 })
    let found = try #require(try interpreter.call(.evaluate, [ids])["logits"])
    for (number, other) in zip(found.doubles, expected.logits.flatMap { $0.flatMap { $0 } }) {
      #expect(abs(number - other) < 1e-4)
    }
  }

  /// The successors of all tokens of a fixture.
  private struct Successors: BatchLoader {
    let rows: [[Int64]]
    var batchSize: Int { rows.count }
    var examplesPerEpoch: Int { rows.count }
    var validationBatchCount: Int { 1 }
    var inputs: [TensorDescription] {
      ["ids", "targets"].map { TensorDescription($0, .int32, [rows.count, rows[0].count - 1]) }
    }

    func batch(atExample position: Int, count: Int) throws -> Batch { try validationBatch(0) }
    func validationBatch(_ index: Int) throws -> Batch {
      let parts = [rows.flatMap { $0.dropLast() }, rows.flatMap { $0.dropFirst() }]
      let arrays = try zip(inputs, parts).map { input, numbers in
        try BatchArray(input.name, input.shape, numbers.map { Int32($0) })
      }
      return Batch(arrays, validCount: rows.count)
    }
  }

  /// A trainer that begins with the weights finds the loss of `transformers`, and its averages begin there too.
  @Test(arguments: names) func trainingBeginsThere(_ name: String) throws {
    let folder = try HuggingFaceFolder(Self.fixture(name))
    let expected = try Expected(folder)
    func check(_ model: some Module) throws {
      let trainer = try DistributedTrainer(model: model, emaDecay: 0.9, threads: 2)
      try trainer.load(folder)
      let loader = Successors(rows: expected.ids)
      for byAverages in [false, true] {
        let loss = try #require(try trainer.evaluate(loader, byAverages: byAverages))
        #expect(abs(loss - expected.loss) < 1e-4)
      }
    }
    try check(Self.model(folder))
  }

  /// What is written has the configuration, the names and the numbers that `transformers` wrote.
  @Test(arguments: names) func aCheckpointGoesBack(_ name: String) throws {
    try withFolder { place in
      let folder = try HuggingFaceFolder(Self.fixture(name))
      let model = try Self.model(folder)
      let tensors = try model.parameters.map { named in
        let tensor = try #require(folder.tensor(ofParameter: named.name))
        return try tensor.withFloats { bytes in
          TensorToWrite(named.name, .float32, tensor.shape, bytes: Array(bytes))
        }
      }
      let sizes = try folder.languageModel()
      let json = try ModelDescription(sizes).json
      let path = place.appendingPathComponent("checkpoint").path
      let state = CheckpointState(step: 3, dataPosition: 6, modelConfiguration: json)
      try Checkpoint.write(tensors, state: state, to: path)
      let out = place.appendingPathComponent("model").path
      try HuggingFaceFolder.write(Checkpoint(path), to: out)

      // Without a tokenizer no token has a meaning: said, since transformers would take that of another vocabulary.
      let text = try String(contentsOfFile: "\(out)/config.json", encoding: .utf8)
      #expect(text.contains("\"eos_token_id\" : null"))
      let back = try HuggingFaceFolder(out)
      #expect(try AnyHashable(back.languageModel()) == AnyHashable(sizes))
      for name in model.parameters.map(\.name) {
        let (new, old) = (back.tensor(ofParameter: name), folder.tensor(ofParameter: name))
        let same = try #require(new).withFloats { new in
          try #require(old).withFloats { new.elementsEqual($0) }
        }
        #expect(same, "\(name)")
      }
    }
  }

  /// Before version 5 of `transformers` positions were scaled in another field.
  @Test func olderConfigurationsScalePositionsToo() throws {
    try withFolder { place in
      let copy = place.appendingPathComponent("llama3")
      try FileManager.default.copyItem(at: URL(fileURLWithPath: Self.fixture("llama3")), to: copy)
      let path = copy.appendingPathComponent("config.json")
      let text = try String(contentsOf: path, encoding: .utf8)
      try text.replacingOccurrences(
        of: "\"rope_parameters\"", with: "\"rope_theta\": 100.0, \"rope_scaling\""
      ).write(to: path, atomically: true, encoding: .utf8)
      let older = try LlamaConfiguration(HuggingFaceFolder(copy.path))
      #expect(try older == LlamaConfiguration(HuggingFaceFolder(Self.fixture("llama3"))))
      #expect(older.rotaryScaling == RotaryScaling(factor: 8, firstContext: 32))
    }
  }

  private func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("deepep-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  // MARK: Bad folders

  /// A copy of a fixture in which a text of a file is replaced; nil removes the file.
  private func error(
    _ name: String, _ file: String, _ old: String, _ new: String?,
    _ read: (HuggingFaceFolder) throws -> Void
  ) throws -> String {
    try withFolder { place in
      let copy = place.appendingPathComponent(name)
      try FileManager.default.copyItem(
        at: URL(fileURLWithPath: Self.fixture(name)), to: copy)
      let changed = copy.appendingPathComponent(file)
      if let new {
        let text = try String(contentsOf: changed, encoding: .utf8)
        #expect(text.contains(old))
        try text.replacingOccurrences(of: old, with: new)
          .write(to: changed, atomically: true, encoding: .utf8)
      } else {
        try FileManager.default.removeItem(at: changed)
      }
      let error = #expect(throws: StorageError.self) { try read(HuggingFaceFolder(copy.path)) }
      return "\(try #require(error))"
    }
  }

  @Test func whatIsWrongIsNamed() throws {
    let llama = { (folder: HuggingFaceFolder) in _ = try LlamaConfiguration(folder) }
    let index = "model.safetensors.index.json"
    let first = "model-00001-of-00003.safetensors"
    #expect(
      try error("llama", "config.json", "silu", "relu", llama).contains("'hidden_act' is relu"))
    #expect(
      try error("llama", "config.json", "\"default\"", "\"yarn\"", llama)
        .contains("'rope_parameters.rope_type' is yarn"))
    #expect(
      try error("llama", "config.json", "\"default\"", "\"llama3\"", llama)
        .contains("'rope_parameters.factor' is missing"))
    #expect(
      try error("llama", "config.json", "\"hidden_size\": 16", "\"hidden_size\": 15", llama)
        .contains("width 15 does not divide by 4 heads"))
    #expect(
      try error("llama", "config.json", "\"hidden_size\"", "\"size\"", llama)
        .contains("no field 'hidden_size'"))
    #expect(try error("llama", "config.json", "", nil, llama).contains("config.json"))
    #expect(try error("llama", "config.json", "{", "", llama).contains("not valid JSON"))
    #expect(try error("llama", index, first, "../\(first)", llama).contains("'../\(first)'"))
    #expect(try error("llama", index, "\"lm_head.weight\"", "\"head\"", llama).contains("'head'"))
    #expect(try error("llama", first, "", nil, llama).contains(first))
    #expect(try error("llama", index, "", nil, llama).contains("save_pretrained"))
    #expect(
      try error("gpt2", "config.json", "\"gpt2\"", "\"opt\"") { _ = try GPT2Configuration($0) }
        .contains("'model_type' is 'opt'"))
    #expect(
      try error("gpt2", "config.json", "\"gpt2\"", "\"opt\"") { _ = try $0.languageModel() }
        .contains("use a model of type gpt2, llama, mistral"))
  }

  @Test func weightsOfAnotherModelAreNamed() throws {
    let folder = try HuggingFaceFolder(Self.fixture("gpt2"))
    var sizes = try GPT2Configuration(folder)
    (sizes.layers, sizes.vocabulary) = (3, 10)
    let trainer = try DistributedTrainer(model: GPT2(sizes), threads: 1)
    try trainer.load(folder)
    let error = #expect(throws: StorageError.self) {
      try trainer.evaluate(Successors(rows: [[1, 2, 3]]))
    }
    let text = "\(try #require(error))"
    #expect(text.contains("'transformer.h.2.ln_1.weight' is missing"))
    #expect(
      text.contains(
        "'transformer.wte.weight' is float32 [9, 16] in the file, float32 [10, 16] in the model"))
  }
}
