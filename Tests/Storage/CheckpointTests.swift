import DeepEPElements
import DeepEPStorage
import Testing

@Suite struct CheckpointTests {
  let state = CheckpointState(
    step: 12, dataPosition: 192, modelConfiguration: #"{"width": 64}"#, tokenizer: "{}",
    notes: ["seed": "7", "": "é"])
  let moment = Checkpoint.optimizerName("first_moment", of: "head.weight")
  var tensors: [TensorToWrite] {
    [
      TensorToWrite("head.weight", [2, 3], [1, 2, 3, 4, 5, 6]),
      TensorToWrite(moment, [2, 3], [0, 0, 0, 0, 0, 0]), TensorToWrite("bias", [1], [9]),
    ]
  }

  @Test func comesBack() throws {
    let folder = try TemporaryFolder()
    try Checkpoint.write(tensors, state: state, to: folder.file("c"))
    let checkpoint = try Checkpoint(folder.file("c"))
    #expect(checkpoint.state == state)
    #expect(moment == "optimizer.first_moment/head.weight")
    #expect(checkpoint.parameters.map(\.name) == ["bias", "head.weight"])
    try checkpoint.check(tensors.map(\.tensor).shuffled())
    try checkpoint.check(
      [
        TensorDescription("bias", .float32, [1]),
        TensorDescription("head.weight", .float32, [2, 3]),
      ],
      extent: .parameters)
    let values = try checkpoint.tensor(named: "head.weight").withBytes { bytes in
      (0..<6).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
    #expect(values == [1, 2, 3, 4, 5, 6])
  }

  @Test func namesWhatIsOfAnotherModel() throws {
    let folder = try TemporaryFolder()
    try Checkpoint.write(tensors, state: state, to: folder.file("c"))
    let expected = [
      TensorDescription("head.weight", .float32, [2, 4]),
      TensorDescription("bias", .bfloat16, [1]), TensorDescription("scale", .float32, []),
    ]
    let error = #expect(throws: StorageError.self) {
      try Checkpoint(folder.file("c")).check(expected)
    }
    #expect(
      error?.what == "a checkpoint of another model: 'head.weight' is float32 [2, 3] in the file, "
        + "float32 [2, 4] in the model; 'bias' is float32 [1] in the file, bfloat16 [1] in the "
        + "model; 'scale' is missing; 'optimizer.first_moment/head.weight' is unexpected")
    #expect(error?.place == folder.file("c"))
  }

  @Test(arguments: [
    (["deepep.checkpoint": "2"], "format version 2, known are 1 to 1"),
    (["deepep.checkpoint": "x"], "not a checkpoint of DeepEP: its version is 'x'"),
    ([:], "not a checkpoint of DeepEP: its version is missing"),
    (["deepep.checkpoint": "1"], "nothing where a whole number belongs"),
    (["deepep.checkpoint": "1", "deepep.step": "-1"], "'-1' where a whole number belongs"),
    (["deepep.checkpoint": "1", "deepep.step": "1", "deepep.data_position": "1e3"], "'1e3'"),
  ])
  func badMetadataIsAnError(_ metadata: [String: String], _ expected: String) throws {
    let folder = try TemporaryFolder()
    try SafetensorsWriter.write(tensors, metadata: metadata, to: folder.file("c"))
    let error = #expect(throws: StorageError.self) { try Checkpoint(folder.file("c")) }
    #expect(error?.what.contains(expected) == true, "\(String(describing: error))")
  }
}
