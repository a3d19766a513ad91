import DeepEPElements
import DeepEPStorage
import Testing

/// The rule of `Fixtures/make_fixtures.py`.
func fixtureBytes(seed: Int, count: Int, isBoolean: Bool = false) -> [UInt8] {
  (0..<count).map { UInt8(isBoolean ? ($0 + seed) % 2 : (7 * $0 + seed) % 251) }
}

/// The types of the fixture in the order of its script.
let fixtureTypes: [(String, ElementType)] = [
  ("F64", .float64), ("F32", .float32), ("F16", .float16), ("BF16", .bfloat16),
  ("F8_E4M3", .float8e4m3), ("F8_E5M2", .float8e5m2), ("I64", .int64), ("I32", .int32),
  ("I16", .int16), ("I8", .int8), ("U64", .uint64), ("U32", .uint32), ("U16", .uint16),
  ("U8", .uint8), ("BOOL", .bool),
]

let fixtureMetadata = ["author": "reference \"0.8.0\"\nline \u{1} é"]

func fixtureTensors() -> [TensorToWrite] {
  var tensors = fixtureTypes.enumerated().map { seed, row in
    TensorToWrite(
      "tensor.\(row.0)", row.1, [2, 3],
      bytes: fixtureBytes(seed: seed, count: 6 * row.1.byteCount, isBoolean: row.1 == .bool))
  }
  tensors.append(TensorToWrite("empty", .float32, [0, 4], bytes: []))
  tensors.append(TensorToWrite("scalar", .float32, [], bytes: fixtureBytes(seed: 40, count: 4)))
  tensors.append(
    TensorToWrite(
      "quote \" \\ slash/ tab\t é 日", .uint8, [3], bytes: fixtureBytes(seed: 50, count: 3)))
  return tensors
}

func fixture(_ name: String, from file: String = #filePath) -> String {
  "\(file.prefix { $0 != "\0" }.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" })"
    + "/Fixtures/\(name)"
}

@Suite struct SafetensorsTests {
  @Test func readsWhatTheReferenceImplementationWrote() throws {
    let file = try SafetensorsFile(fixture("every_type.safetensors"))
    #expect(file.tensors.count == fixtureTypes.count + 3)
    #expect(file.metadata == fixtureMetadata)
    for (seed, (name, element)) in fixtureTypes.enumerated() {
      let tensor = try file.tensor(named: "tensor.\(name)")
      #expect(tensor.element == element)
      #expect(tensor.shape == [2, 3])
      let expected = fixtureBytes(
        seed: seed, count: 6 * element.byteCount, isBoolean: element == .bool)
      #expect(tensor.withBytes { Array($0) } == expected)
    }
    #expect(try file.tensor(named: "empty").shape == [0, 4])
    #expect(
      try file.tensor(named: "scalar").withBytes { Array($0) } == fixtureBytes(seed: 40, count: 4))
  }

  @Test func writesTheBytesOfTheReferenceImplementation() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("mine.safetensors")
    try SafetensorsWriter.write(fixtureTensors().shuffled(), metadata: fixtureMetadata, to: path)
    #expect(contents(path) == contents(fixture("every_type.safetensors")))
    #expect(folder.names == ["mine.safetensors"])
  }

  @Test(arguments: ElementType.allCases)
  func everyTypeComesBack(_ element: ElementType) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("one")
    let bytes = fixtureBytes(seed: 3, count: 35 * element.byteCount)
    try SafetensorsWriter.write([TensorToWrite("x", element, [5, 7], bytes: bytes)], to: path)
    let tensor = try SafetensorsFile(path).tensor(named: "x")
    #expect(tensor.tensor == TensorDescription("x", element, [5, 7]))
    #expect(tensor.withBytes { Array($0) } == bytes)
  }

  @Test func anEmptyFileOfTensorsComesBack() throws {
    let folder = try TemporaryFolder()
    try SafetensorsWriter.write([], to: folder.file("none"))
    #expect(try SafetensorsFile(folder.file("none")).names.isEmpty)
  }

  @Test func aTensorMayComeInPieces() throws {
    let folder = try TemporaryFolder()
    let bytes = fixtureBytes(seed: 1, count: 4000)
    let pieces = TensorToWrite("x", .float32, [1000]) { consumer in
      for start in stride(from: 0, to: 4000, by: 400) {
        try Array(bytes[start..<start + 400]).withUnsafeBytes(consumer)
      }
    }
    try SafetensorsWriter.write([pieces], to: folder.file("x"))
    #expect(
      try SafetensorsFile(folder.file("x")).tensor(named: "x").withBytes { Array($0) } == bytes)
  }

  @Test func namesTheTensorThatIsNotThere() throws {
    let file = try SafetensorsFile(fixture("every_type.safetensors"))
    let error = #expect(throws: StorageError.self) { try file.tensor(named: "tensor.F99") }
    #expect(error?.what == "there is no tensor 'tensor.F99'")
    #expect(!file.contains("tensor.F99"))
  }
}
