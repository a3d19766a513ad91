import DeepEPTensors

struct Order: Transform {
  let name = TransformName.order
  func apply(_ program: Program) throws -> Program { program }
}
