import DeepEP

/// A model is traced into a program: state in slots, and entries that are pure graphs.
enum TraceLesson {
  static func run() throws {
    // Model code runs once, with tensors that are places in a graph. Nothing is computed.
    let model = Plane()
    let points = EntryInput(name: "points", type: Type(.float32, [3, 2]))
    var program = Program()
    try program.trace(.evaluate, inputs: [points], parameters: model.parameters) { inputs in
      [("heights", model(inputs[0]))]
    }
    print(program)
    try check("parameters are slots", program.slots.map(\.name) == ["weight", "bias"])

    // The text is the program: it can be read again.
    let read = try Program(text: program.description)
    try check("the text can be read again", read.description == program.description)

    // The interpreter computes, slowly and obviously; it is what all else is compared with.
    let slots = [HostArray(.float32, [2], [2, 3]), HostArray(.float32, [1], [10])]
    var interpreter = try Interpreter(program, slots: slots)
    let numbers = HostArray(.float32, [3, 2], [0, 0, 1, 0, 1, 1])
    let heights = try interpreter.call(.evaluate, [numbers])["heights"]
    try check("2x + 3y + 10 comes out", heights?.doubles == [10, 12, 15])

    // A mistake in the model is found when it is traced, with the module, the shapes and the line.
    let wrong = EntryInput(name: "points", type: Type(.float32, [3, 5]))
    do {
      try program.trace(.step, inputs: [wrong], parameters: model.parameters) { inputs in
        [("heights", model(inputs[0]))]
      }
      throw LessonError(description: "a wrong shape was accepted")
    } catch let error as TraceError {
      print("error: \(error)")
    }
  }
}
