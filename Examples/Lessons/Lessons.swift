import DeepEP

/// Short programs that show how DeepEP works, and check what they say: `swift run -c release Lessons`.
///
/// Read them in this order. Those about the inside use names that packages of yours do not see.
@main struct Lessons: TrainingProgram {
  func run() throws {
    let lessons: [(name: String, run: () throws -> Void)] = [
      ("trace", TraceLesson.run), ("differentiate", DifferentiateLesson.run),
      ("train", TrainLesson.run), ("partition", PartitionLesson.run),
      ("own operation", OwnOperationLesson.run),
    ]
    for lesson in lessons {
      print("# \(lesson.name)\n")
      try lesson.run()
      print("\nok      \(lesson.name)\n")
    }
  }
}

/// A claim of a lesson that does not hold.
struct LessonError: Error, CustomStringConvertible {
  let description: String
}

/// Throws unless a claim holds.
func check(_ claim: String, _ holds: Bool) throws {
  guard holds else { throw LessonError(description: "it is not so that \(claim)") }
}

/// The model of the lessons: a weighted sum of two numbers, plus a third weight.
struct Plane: Module {
  let weight = Parameter([2], .zeros)
  let bias = Parameter([1], .zeros)

  /// From points `[batch, 2]` to heights `[batch]`.
  func callAsFunction(_ points: Tensor) -> Tensor {
    (points * weight).sum([1]) + bias
  }
}
