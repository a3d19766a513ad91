import DeepEPTensors

struct Fuse: Transform {
  let name = TransformName.fuse
  func apply(_ program: Program) throws -> Program { program }
}
